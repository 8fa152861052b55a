/** Unmodified realm-web: its app, its users, and what it stores. */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import * as MemoryStorage from "../memoryStorage.ts"
import { connect, Realm, refused } from "../realmWeb.ts"
import { good, jwt } from "../tokens.ts"
import { claimsOf, unique } from "../wire.ts"

const { Credentials } = Realm
const card = (id = unique("web")) => Credentials.function({ id })

export default [
  topic("realm-web: App", {
    "requests the location once, and then uses its host": async ({ baseUrl }) => {
      const { app, requests } = connect(baseUrl)
      assert.equal(await app.locationUrl, baseUrl)
      await app.logIn(Credentials.anonymous())
      assert.deepEqual(requests(), ["GET /location", "POST /auth/providers/anon-user/login", "GET /auth/profile"])
    },
    "works without a location, and with a trailing slash": async ({ baseUrl }) => {
      await connect(baseUrl, { skipLocationRequest: true }).app.logIn(Credentials.anonymous())
      await connect(`${baseUrl}/`).app.logIn(Credentials.anonymous())
      await connect(`${baseUrl}/`, { skipLocationRequest: true }).app.logIn(Credentials.anonymous())
    },
    "rejects an unknown app id": async ({ baseUrl }) => {
      const { app } = connect(baseUrl, { id: "no-such-app" })
      const text = "cannot find app using Client App ID 'no-such-app'"
      await refused(app.logIn(Credentials.anonymous()), 404, undefined, text)
    },
    "keeps its device id across users": async ({ baseUrl }) => {
      const { app } = connect(baseUrl, { app: { name: "shop", version: "1.0" } })
      const one = await app.logIn(card())
      const other = await app.logIn(card())
      assert.match(String(one.deviceId), /^[0-9a-f]{24}$/)
      assert.equal(other.deviceId, one.deviceId)
    },
    "members that realm-web does not implement send no request": ({ baseUrl }) => {
      const { app, requests } = connect(baseUrl)
      for (const name of ["addListener", "removeListener", "removeAllListeners"] as const) {
        assert.throws(() => Reflect.apply(app[name], app, [() => {}]), /Not yet implemented/)
      }
      assert.deepEqual(requests(), [])
      return Promise.resolve()
    }
  }),

  topic("realm-web: Credentials", {
    "anonymous users are reused or new": async ({ baseUrl }) => {
      const { app, requests } = connect(baseUrl)
      const user = await app.logIn(Credentials.anonymous())
      requests()
      assert.equal((await app.logIn(Credentials.anonymous())).id, user.id)
      assert.deepEqual(requests(), ["GET /auth/profile"])
      assert.notEqual((await app.logIn(Credentials.anonymous(false))).id, user.id)
      assert.deepEqual([user.providerType, user.profile, user.isLoggedIn], ["anon-user", {}, true])
    },
    function: async ({ baseUrl }) => {
      const id = unique("web")
      const { app } = connect(baseUrl)
      const user = await app.logIn(card(id))
      assert.equal((await app.logIn(card(id))).id, user.id)
      assert.deepEqual(user.identities, [{ id, providerType: "custom-function" }])
      await refused(app.logIn(Credentials.function({ refuse: true })), 401, "AuthError", /Authentication failed/)
      const seen = { seen: "x", at: new Date(0), oid: new Realm.BSON.ObjectId("5f1d7f3e9c1b2a0012345678") }
      const sees = await app.logIn(Credentials.function(seen))
      assert.deepEqual(Object.keys(JSON.parse(sees.identities[0]?.id ?? "")).toSorted(), ["at", "oid", "seen"])
    },
    jwt: async ({ baseUrl }) => {
      const { app } = connect(baseUrl)
      const sub = unique("web")
      const user = await app.logIn(Credentials.jwt(jwt({ ...good(sub), person: { first: "Ada" } })))
      assert.deepEqual(user.profile, { email: `${sub}@example.com`, firstName: "Ada" })
      await refused(app.logIn(Credentials.jwt("nonsense")), 401, "AuthError", /unauthorized/)
    },
    "google, facebook and apple are rejected": async ({ baseUrl }) => {
      const { app } = connect(baseUrl)
      for (const credentials of [
        Credentials.google({ authCode: "code" }),
        Credentials.google({ idToken: "token" }),
        Credentials.facebook("token"),
        Credentials.apple("token")
      ]) {
        await refused(
          app.logIn(credentials),
          400,
          undefined,
          `authentication via '${credentials.providerType}' is unsupported`
        )
      }
    },
    "google by redirect is rejected while linking": async ({ baseUrl }) => {
      const { app } = connect(baseUrl)
      const user = await app.logIn(Credentials.anonymous())
      const credentials = Credentials.google({ redirectUrl: "http://localhost/" })
      const text = "authentication via 'oauth2-google' is unsupported"
      await refused(user.linkCredentials(credentials), 400, undefined, text)
    },
    "logs in without fetching a profile if told so": async ({ baseUrl }) => {
      const { app, requests } = connect(baseUrl)
      const user = await app.logIn(card(), false)
      assert.ok(!requests().includes("GET /auth/profile"))
      assert.throws(() => user.profile, /never fetched/)
      await user.refreshProfile()
      assert.equal(user.identities.length, 1)
    }
  }),

  topic("realm-web: users", {
    "switches, logs out and removes users": async ({ baseUrl }) => {
      const { app } = connect(baseUrl)
      const one = await app.logIn(card())
      const other = await app.logIn(card())
      assert.equal(app.currentUser?.id, other.id)
      app.switchUser(one)
      assert.equal(app.currentUser?.id, one.id)
      await one.logOut()
      assert.deepEqual([one.state, one.accessToken, one.refreshToken], ["logged-out", null, null])
      assert.equal(app.currentUser?.id, other.id)
      await app.removeUser(other)
      assert.deepEqual([other.state, app.currentUser], ["removed", null])
      assert.deepEqual(Object.keys(app.allUsers), [one.id])
      await one.logOut()
    },
    "a logged-out user is rejected without endless retries": async ({ baseUrl }) => {
      const { app, requests } = connect(baseUrl)
      const user = await app.logIn(card())
      await user.logOut()
      requests()
      for (const request of [
        () => user.functions.callFunction("sum", 1),
        () => user.refreshProfile(),
        () => user.refreshCustomData(),
        () => user.apiKeys.fetchAll(),
        () => user.linkCredentials(card())
      ]) {
        await assert.rejects(request)
      }
      assert.ok(requests().length <= 10)
    },
    "logs in again after a logout, as the same user": async ({ baseUrl }) => {
      const { app } = connect(baseUrl)
      const id = unique("web")
      const user = await app.logIn(card(id))
      await user.logOut()
      assert.equal(await app.logIn(card(id)), user)
      assert.equal(user.state, "active")
      assert.equal(await user.functions.sum(1, 2), 3)
    },
    "an anonymous user who is logged out cannot be reused": async ({ baseUrl }) => {
      const { app, requests } = connect(baseUrl)
      await (await app.logIn(Credentials.anonymous())).logOut()
      requests()
      await assert.rejects(app.logIn(Credentials.anonymous()))
      assert.ok(requests().length <= 3)
    },
    "deletes a user, and then logs out without a failure": async ({ baseUrl }) => {
      const { app } = connect(baseUrl)
      const id = unique("web")
      const user = await app.logIn(card(id))
      await app.deleteUser(user)
      assert.deepEqual([user.state, app.currentUser], ["removed", null])
      const again = await app.logIn(card(id))
      assert.notEqual(again.id, user.id)
      const elsewhere = connect(baseUrl)
      const same = await elsewhere.app.logIn(card(id))
      await app.deleteUser(again)
      elsewhere.requests()
      await refused(same.functions.callFunction("sum", 1), 401, "InvalidSession", /failed to find refresh token/)
      assert.deepEqual(elsewhere.requests(), ["POST /functions/call", "POST /auth/session"])
      assert.equal(same.state, "logged-out")
      await same.logOut()
    },
    "links, and keeps its session if a link is rejected": async ({ baseUrl }) => {
      const { app, requests } = connect(baseUrl)
      const user = await app.logIn(Credentials.anonymous())
      await user.linkCredentials(card())
      assert.deepEqual(
        user.identities.map(({ providerType }) => providerType),
        ["anon-user", "custom-function"]
      )
      const taken = unique("web")
      await connect(baseUrl).app.logIn(card(taken))
      requests()
      await refused(user.linkCredentials(card(taken)), 400, "AuthError", /unauthorized/)
      assert.deepEqual(requests(), ["POST /auth/providers/custom-function/login"])
      assert.equal(user.state, "active")
      assert.equal(await user.functions.sum(1, 2), 3)
    },
    "refreshes once when a token is rejected": async ({ baseUrl }) => {
      const { app, requests } = connect(baseUrl)
      const user = await app.logIn(card())
      requests()
      Reflect.set(user, "_accessToken", "nonsense")
      assert.equal(await user.functions.sum(1, 2), 3)
      assert.deepEqual(requests(), ["POST /functions/call", "POST /auth/session", "POST /functions/call"])
    },
    "serialises itself as JSON": async ({ baseUrl }) => {
      const { app } = connect(baseUrl)
      const user = await app.logIn(card())
      const json = user.toJSON()
      assert.deepEqual(Object.keys(json).toSorted(), [
        "accessToken",
        "customData",
        "id",
        "profile",
        "refreshToken",
        "state"
      ])
    },
    "reads custom data and refreshes it": async ({ baseUrl }) => {
      const { app, requests } = connect(baseUrl)
      const user = await app.logIn(card())
      assert.deepEqual(user.customData, {})
      await user.functions.setCustomData({ theme: "dark", age: 13 })
      requests()
      const data = await user.refreshCustomData()
      assert.deepEqual(requests(), ["POST /auth/session"])
      assert.equal(data["theme"], "dark")
      assert.deepEqual(user.customData["age"], { $numberInt: "13" })
      assert.equal(claimsOf(user.accessToken ?? "")["sub"], user.id)
    }
  }),

  topic("realm-web: storage", {
    "restores its users in order, including logged-out ones": async ({ baseUrl }) => {
      const storage = MemoryStorage.make()
      const first = connect(baseUrl, { storage }).app
      const [one, other] = [await first.logIn(card()), await first.logIn(card())]
      await one.logOut()
      const { app, requests } = connect(baseUrl, { storage })
      assert.deepEqual(requests(), [])
      assert.deepEqual(Object.keys(app.allUsers).toSorted(), [one.id, other.id].toSorted())
      assert.equal(app.currentUser?.id, other.id)
      assert.deepEqual(app.currentUser?.identities, other.identities)
      assert.equal(await app.currentUser?.functions.sum(1, 2), 3)
      assert.equal(app.currentUser?.deviceId, other.deviceId)
      await app.logIn(card())
      assert.equal(app.currentUser?.deviceId, other.deviceId)
    },
    "logs out a user who was deleted elsewhere at the next call": async ({ baseUrl }) => {
      const storage = MemoryStorage.make()
      const first = connect(baseUrl, { storage }).app
      await first.logIn(card())
      const { app, requests } = connect(baseUrl, { storage })
      for (const user of Object.values(first.allUsers)) await first.deleteUser(user)
      const user = app.currentUser
      assert.ok(user !== null)
      await assert.rejects(user.functions.callFunction("sum", 1))
      assert.equal(user.state, "logged-out")
      assert.ok(requests().length <= 3)
    }
  })
]
