/** What holds for every route: locations, unknown routes, CORS, and tolerated variations of requests. */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import { appPath, coreHeaders, fails, loggedIn, logIn, loginPath, root, send, succeeds } from "../wire.ts"

const origin = "https://shop.example"

export default [
  topic("§1.2 location", {
    "has four strings, and no slash at the end of the host name": async ({ baseUrl }) => {
      const { json } = succeeds(await send(baseUrl, "GET", appPath("location")))
      assert.deepEqual(json, {
        hostname: baseUrl,
        ws_hostname: baseUrl.replace("http", "ws"),
        location: "IE",
        deployment_model: "LOCAL"
      })
    },
    "names the address in the headers of a proxy": async ({ baseUrl }) => {
      const headers = { "x-forwarded-proto": "https", "x-forwarded-host": "apps.example" }
      const { json } = succeeds(await send(baseUrl, "GET", appPath("location"), { headers }))
      assert.equal(json["hostname"], "https://apps.example")
      assert.equal(json["ws_hostname"], "wss://apps.example")
    },
    "requires no header, and ignores an Authorization header": async ({ baseUrl }) => {
      for (const headers of [coreHeaders, { authorization: "Bearer null" }, { authorization: "nonsense" }]) {
        succeeds(await send(baseUrl, "GET", appPath("location"), { headers }))
      }
    },
    "is a 404 without a code for an unknown app": async ({ baseUrl }) => {
      const reply = await send(baseUrl, "GET", appPath("location", "no-such-app"))
      fails(reply, 404, undefined, "cannot find app using Client App ID 'no-such-app'")
    },
    "an unknown app is the same 404 on every route of it": async ({ baseUrl }) => {
      const user = await logIn(baseUrl)
      const text = "cannot find app using Client App ID 'no-such-app'"
      const paths = ["auth/providers/anon-user/login", "auth/providers/local-userpass/register", "functions/call"]
      for (const path of paths) {
        const reply = await send(baseUrl, "POST", appPath(path, "no-such-app"), { token: user.access, body: {} })
        fails(reply, 404, undefined, text)
      }
    }
  }),

  topic("§15.2 requests of any shape", {
    "accepts double slashes after the host": async ({ baseUrl }) => {
      succeeds(await send(baseUrl, "GET", `/${appPath("location")}`))
      succeeds(await send(baseUrl, "GET", `//${appPath("location")}`))
      loggedIn(await send(baseUrl, "POST", `/${loginPath("anon-user")}`))
      succeeds(await send(baseUrl, "GET", appPath("/location")))
    },
    "accepts header names in any case": async ({ baseUrl }) => {
      const { access } = await logIn(baseUrl)
      const headers = { AUTHORIZATION: `Bearer ${access}`, "CONTENT-TYPE": "application/json;charset=utf-8" }
      succeeds(await send(baseUrl, "GET", `${root}/auth/profile`, { headers }))
    },
    "accepts an Authorization scheme in any case": async ({ baseUrl }) => {
      const { access } = await logIn(baseUrl)
      succeeds(await send(baseUrl, "GET", `${root}/auth/profile`, { headers: { authorization: `bearer ${access}` } }))
    },
    "accepts a JSON content type on every method without a body": async ({ baseUrl }) => {
      const { access, refresh } = await logIn(baseUrl)
      const headers = coreHeaders
      succeeds(await send(baseUrl, "GET", `${root}/auth/profile`, { token: access, headers }))
      succeeds(await send(baseUrl, "GET", `${root}/auth/api_keys`, { token: refresh, headers }))
      succeeds(await send(baseUrl, "POST", `${root}/auth/session`, { token: refresh, headers }), 201)
      succeeds(await send(baseUrl, "DELETE", `${root}/auth/session`, { token: refresh, headers }), 204)
    },
    "accepts any content type, a missing and an invalid one": async ({ baseUrl }) => {
      const types = ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=UTF-8", ";;;", ""]
      for (const type of types) {
        const headers = { "content-type": type, accept: "*/*" }
        loggedIn(await send(baseUrl, "POST", loginPath("custom-function"), { headers, body: { id: "any-type" } }))
      }
    },
    "ignores unknown query parameters": async ({ baseUrl }) => {
      const { access } = await logIn(baseUrl)
      const body = { name: "sum", arguments: [1, 2] }
      const reply = await send(baseUrl, "POST", appPath("functions/call?func=sum&col=a-find"), { token: access, body })
      assert.deepEqual(succeeds(reply).value, { $numberInt: "3" })
    },
    "a malformed JSON body is a 400": async ({ baseUrl }) => {
      for (const body of ["{", "nonsense", "[1]", '"text"', "5"]) {
        const reply = await send(baseUrl, "POST", loginPath("anon-user"), { headers: coreHeaders, body })
        fails(reply, 400, "BadRequest", /./)
      }
    },
    "rejects a body of more than 18 MiB with JSON": async ({ baseUrl }) => {
      const { access } = await logIn(baseUrl)
      const body = JSON.stringify({ name: "sum", arguments: ["x".repeat(19 * 1024 * 1024)] })
      const reply = await send(baseUrl, "POST", appPath("functions/call"), { token: access, body })
      fails(reply, [413, 400], "ReadSizeLimitExceeded", /./)
    }
  }),

  topic("§11.1 what is not there", {
    "unknown routes and methods answer in JSON": async ({ baseUrl }) => {
      const wrong: ReadonlyArray<readonly [string, string]> = [
        ["GET", "/none"],
        ["GET", "/favicon.ico"],
        ["GET", "/api/client/v1.0/app/conform-main/location"],
        ["GET", "/api/admin/v3.0/groups"],
        ["POST", appPath("location")],
        ["PATCH", `${root}/auth/profile`],
        ["PUT", `${root}/auth/session`],
        ["GET", `${root}/auth/session`],
        ["GET", `${root}/auth/delete`],
        ["DELETE", appPath("functions/call")],
        ["GET", appPath("auth/providers/local-userpass/register")],
        ["POST", appPath("no/such/route")],
        ["GET", `${root}/auth/%zz`],
        ["GET", "/%"]
      ]
      for (const [method, path] of wrong) {
        const { status, text } = await send(baseUrl, method, path)
        assert.ok(status === 404 || status === 405, `${method} ${path}: ${status} ${text}`)
      }
    },
    "HEAD answers like GET, without a body": async ({ baseUrl }) => {
      const reply = await send(baseUrl, "HEAD", appPath("location"))
      assert.equal(reply.text, "")
      assert.equal(reply.status, 200)
      assert.equal((await send(baseUrl, "HEAD", "/nothing")).status, 404)
    }
  }),

  topic("§1.4 CORS", {
    "answers preflight requests of every route": async ({ baseUrl }) => {
      for (const path of [loginPath("anon-user"), `${root}/auth/session`, `${root}/auth/api_keys/x`, "/anything"]) {
        const { headers, status, text } = await send(baseUrl, "OPTIONS", path, {
          headers: {
            origin,
            "access-control-request-method": "PUT",
            "access-control-request-headers": "authorization,content-type"
          }
        })
        assert.equal(status, 204)
        assert.equal(text, "")
        assert.equal(headers["access-control-allow-origin"], origin)
        assert.equal(headers["access-control-allow-credentials"], "true")
        const methods = String(headers["access-control-allow-methods"])
        for (const method of ["GET", "POST", "PUT", "DELETE", "OPTIONS"]) assert.ok(methods.includes(method), methods)
        const allowed = String(headers["access-control-allow-headers"]).toLowerCase()
        for (const name of ["authorization", "content-type"]) assert.ok(allowed.includes(name), allowed)
      }
    },
    "allows the usual headers if a preflight names none": async ({ baseUrl }) => {
      const headers = { origin, "access-control-request-method": "POST" }
      const reply = await send(baseUrl, "OPTIONS", loginPath("anon-user"), { headers })
      const allowed = String(reply.headers["access-control-allow-headers"]).toLowerCase()
      for (const name of ["authorization", "content-type", "accept"]) assert.ok(allowed.includes(name), allowed)
    },
    "exposes answers and failures, and the header of a link": async ({ baseUrl }) => {
      for (const path of [appPath("location"), `${root}/auth/profile`, "/nothing"]) {
        const { headers } = await send(baseUrl, "GET", path, { headers: { origin } })
        assert.equal(headers["access-control-allow-origin"], origin)
        assert.equal(headers["access-control-allow-credentials"], "true")
        assert.match(String(headers["access-control-expose-headers"]), /x-baas-location.*x-stitch-location/)
        assert.match(String(headers["vary"]), /origin/i)
      }
    }
  })
]
