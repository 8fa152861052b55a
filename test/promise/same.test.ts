/** Programs that `realm-web` and the entry point for promises have to run with the same result, or the same error. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { MemoryStorage } from "effect-app-services/promise"
import { App } from "effect-app-services/server"
import type * as RealmWeb from "realm-web"
import { sdks } from "../support/sdks.ts"

type Sdk = typeof RealmWeb
type Configuration = Exclude<ConstructorParameters<Sdk["App"]>[0], string>

const Server = NodeAppServicesServer.layer(
  App.make({
    id: "my-app",
    providers: { anonymous: true, emailPassword: true, customFunction: ({ card }: { card: string }) => card },
    mongodb: { "mongodb-atlas": "open" },
    functions: {
      echo: (value: unknown) => value,
      count: (...args: ReadonlyArray<unknown>) => args.length,
      nothing: () => undefined,
      fail: () => Promise.reject(new Error("boom"))
    }
  }),
  { passwordHashing: "testing" }
)

/** An error as a program sees it, without what differs from run to run, and without the query of its URL. */
const described = (error: unknown) =>
  error instanceof Error
    ? [error.constructor.name, String(error), Object.keys(error), JSON.stringify(error)]
        .map((part) => JSON.stringify(part).replaceAll(/\?(link=true|baas_request=[\w%=+/-]+)|co_id=\w+/g, ""))
        .join("\n")
    : `not an error: ${String(error)}`

const outcome = async (run: () => Promise<unknown>) => {
  try {
    return { result: await run() }
  } catch (error) {
    return { error: described(error) }
  }
}

/** What a framework such as Vue calls the methods of an object on. */
const observed = <A extends object>(target: A): A => new Proxy(target, {})

const guest = (Sdk: Sdk, app: RealmWeb.App) => app.logIn(Sdk.Credentials.anonymous())
const holder = (Sdk: Sdk, app: RealmWeb.App, card = "one") => app.logIn(Sdk.Credentials.function({ card }))
const widgets = async (Sdk: Sdk, app: RealmWeb.App) => {
  const user = await holder(Sdk, app)
  const widgets = user.mongoClient("mongodb-atlas").db("shop").collection("widgets")
  await widgets.deleteMany({ _id: { $exists: true } })
  await widgets.insertMany([{ _id: 1, owner: "ada" }, { _id: 2, owner: "bob" }, { _id: 3 }])
  return widgets
}
const answering = (body: string | null, status: number, type?: string) => ({
  skipLocationRequest: true,
  fetch: (() =>
    Promise.resolve(
      new Response(body, { status, statusText: "Oops", headers: type === undefined ? {} : { "content-type": type } })
    )) as unknown as NonNullable<Configuration["fetch"]>
})

type Program = (Sdk: Sdk, app: RealmWeb.App, configuration: Configuration) => Promise<unknown>

const programs: Readonly<Record<string, Program>> = {
  "an undefined field of a filter matches no more than null does": async (Sdk, app) => {
    const all = await widgets(Sdk, app)
    const owner = undefined
    return [
      await all.find({ owner }),
      await all.count({ owner }),
      await all.updateMany({ owner }, { $set: { name: undefined } }),
      await all.deleteMany({ owner }),
      await all.find()
    ]
  },
  "undefined fields of arguments": async (Sdk, app) => {
    const user = await guest(Sdk, app)
    return [
      await user.functions.echo({ a: 1, b: undefined, c: { d: undefined, e: [undefined, { f: undefined }] } }),
      await user.functions.echo([undefined, { a: undefined }]),
      await user.callFunction("echo", { a: { b: undefined } }),
      await user.functions.count(undefined, 1, undefined)
    ]
  },
  "a function that returns nothing": async (Sdk, app) => {
    const user = await guest(Sdk, app)
    return [await user.functions.nothing(), await user.callFunction("nothing"), await user.functions.echo(null)]
  },
  "options that a service does not know": async (Sdk, app) => {
    const all = await widgets(Sdk, app)
    const unknown = { returnDocument: "after", skip: 1 } as object
    return [
      await all.find({}, unknown),
      await all.findOneAndUpdate({ _id: 1 }, { $set: { n: 1 } }, unknown),
      await all.findOneAndReplace({ _id: 1 }, { n: 2 }, unknown),
      await all.updateOne({ _id: 1 }, { $set: { n: 3 } }, unknown),
      await all.updateMany({}, { $set: { n: 4 } }, unknown),
      await all.findOneAndDelete({ _id: 1 }, unknown)
    ]
  },
  "a user who logs out keeps profile and identities": async (Sdk, app) => {
    const user = await holder(Sdk, app)
    const before = [user.profile, user.identities]
    await user.logOut()
    assert.deepStrictEqual([user.profile, user.identities], before)
    return [user.profile, user.state, user.accessToken, user.refreshToken, user.deviceId]
  },
  "a user whose session ends keeps the profile": async (Sdk, app) => {
    const user = await holder(Sdk, app)
    Object.assign(user, { accessToken: "x.y.z", refreshToken: "x.y.z" })
    const { error } = await outcome(() => user.functions.count())
    return [user.profile, user.state, error]
  },
  "custom data of a user who is logged out": async (Sdk, app) => {
    const user = await holder(Sdk, app)
    await user.logOut()
    return user.customData
  },
  "tokens that are assigned": async (Sdk, app) => {
    const user = await guest(Sdk, app)
    const seen = []
    for (const token of ["x.y.z", null]) {
      user.accessToken = token
      seen.push(user.accessToken, user.state, await user.functions.count())
    }
    Object.assign(user, { _accessToken: "x.y.z" })
    return [...seen, user.accessToken, await user.functions.count(), user.accessToken === "x.y.z"]
  },
  "objects that a framework observes": async (Sdk, _, { baseUrl }) => {
    const app = new Sdk.App({ id: "my-app", baseUrl: baseUrl!, storage: new MemoryStorage() })
    const credentials = observed(Sdk.Credentials.function({ card: "two" }))
    const user = observed(await observed(app).logIn(credentials))
    const { currentUser, allUsers } = observed(app)
    const seen = [currentUser?.id === user.id, Object.keys(allUsers).length, user.isLoggedIn, user.customData]
    seen.push(await user.functions.count(1), await user.callFunction("count"), await user.refreshCustomData())
    await user.logOut()
    return [...seen, user.state, user.profile]
  },
  "credentials of every kind": async ({ Credentials }) =>
    [
      Credentials.anonymous(),
      Credentials.anonymous(false),
      Credentials.apiKey("key"),
      Credentials.emailPassword("ada@example.com", "password"),
      Credentials.function({ card: "one" }),
      Credentials.jwt("token"),
      Credentials.google({ authCode: "code" }),
      Credentials.google({ idToken: "token" }),
      Credentials.google({ redirectUrl: "some-redirect-url" }),
      Credentials.facebook("token"),
      Credentials.facebook("http://page.example/back"),
      Credentials.apple("token"),
      Credentials.apple("http://page.example/back"),
      new Credentials("custom-function", "custom-function", false, { card: "one" })
    ].map((credentials) => [credentials instanceof Credentials, JSON.stringify(credentials)]),
  "a login with credentials that were constructed, or are plain": async (Sdk, app) => {
    const made = new Sdk.Credentials("custom-function", "custom-function", false, { card: "three" })
    const [one, two] = [await app.logIn(made), await app.logIn(Object.assign({}, made))]
    return [one === two, one.providerType]
  },
  "an application without an id": async (Sdk) => Reflect.construct(Sdk.App, []),
  "an application whose id is a number": async (Sdk) => Reflect.construct(Sdk.App, [{ id: 5 }]),
  "applications without a host": async (Sdk) => [
    new Sdk.App("some-id").currentUser,
    Sdk.getApp("some-id") === Sdk.App.getApp("some-id"),
    Sdk.getApp("some-id") === Sdk.getApp("other-id"),
    Sdk.getApp("some-id").allUsers
  ],
  "the storage of the environment": async (Sdk, _, { baseUrl }) => {
    const before = Sdk.getEnvironment()
    const defaultStorage = new MemoryStorage()
    Sdk.setEnvironment({ ...before, defaultStorage })
    const one = new Sdk.App({ id: "my-app", baseUrl: baseUrl! })
    Sdk.setEnvironment(before)
    const user = await guest(Sdk, one)
    const two = new Sdk.App({ id: "my-app", baseUrl: baseUrl!, storage: defaultStorage })
    return [Object.keys(two.allUsers).length, two.currentUser?.accessToken === user.accessToken]
  },
  "what a fetch of the program is given": async (Sdk, _, configuration) => {
    const seen: Array<unknown> = []
    const app = new Sdk.App({
      ...configuration,
      fetch: (async (url: string, init: RequestInit) => {
        const body = init.body == null ? "none" : JSON.parse(init.body as string).arguments
        const names = Object.keys(init.headers ?? {}).map((name) => name.toLowerCase())
        seen.push([typeof url, url.split("/v2.0/")[1], init.method, typeof init.body, body, names.toSorted()])
        return fetch(url, init)
      }) as unknown as NonNullable<Configuration["fetch"]>
    })
    const user = await guest(Sdk, app)
    await user.functions.count(1, "two")
    await user.logOut()
    return seen
  },
  "a user as JSON, apart from the tokens": async (Sdk, app) => {
    const {
      accessToken: _,
      refreshToken: __,
      id,
      profile,
      ...user
    } = JSON.parse(JSON.stringify(await holder(Sdk, app)))
    return [typeof id, profile.type, profile.data, user]
  },
  "an error that is constructed": async ({ MongoDBRealmError }) => {
    throw new MongoDBRealmError("GET", "http://h", 400, "Bad Request", "no", "Code", "link")
  },
  "an error of a function": async (Sdk, app) => (await guest(Sdk, app)).functions.fail(),
  "an error of a service": async (Sdk, app) => (await widgets(Sdk, app)).find({ $nothing: 1 }),
  "an error of a login": (Sdk, app) => app.logIn(Sdk.Credentials.emailPassword("eve@example.com", "wrong one")),
  "an error of a link": async (Sdk, app) =>
    (await guest(Sdk, app)).linkCredentials(Sdk.Credentials.emailPassword("eve@example.com", "wrong one")),
  "an account without a password": (_, app) => app.emailPasswordAuth.registerUser({ email: "a@b.c" } as never),
  "an answer of a gateway": (Sdk, _, configuration) =>
    guest(Sdk, new Sdk.App({ ...configuration, ...answering("<h1>no</h1>", 502, "text/html") })),
  "an answer with the fields of an error": (Sdk, _, configuration) => {
    const body = JSON.stringify({ error: "no", error_code: "Code", link: "http://h/logs" })
    return guest(Sdk, new Sdk.App({ ...configuration, ...answering(body, 400, "application/json") }))
  },
  "a user who was never logged in": async (_, app) => app.switchUser({} as never),
  "no user": async (_, app) => app.switchUser(null as never)
}

layer(Server, { excludeTestServices: true })("the entry point for promises does what realm-web does with", (it) => {
  it.effect.each(Object.entries(programs))("%s", ([, program]) =>
    Effect.gen(function* () {
      const baseUrl = yield* NodeAppServicesServer.baseUrl
      const [theirs, ours] = yield* Effect.forEach(sdks, ([, Sdk]) => {
        const configuration = { id: "my-app", baseUrl, storage: new MemoryStorage() }
        return Effect.promise(() => outcome(() => program(Sdk, new Sdk.App(configuration), configuration)))
      })
      assert.deepEqual(ours, theirs)
    })
  )
})
