import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { App } from "effect-app-services/server"
import { randomInt } from "node:crypto"
import { inspect } from "node:util"
import * as NodeAppServicesServer from "../../src/node/NodeAppServicesServer.ts"
import { rawRequest } from "../support/rawRequest.ts"
import { loginPath, path, root } from "./support.ts"

const app = App.make({
  id: "my-app",
  providers: {
    anonymous: true,
    apiKey: true,
    emailPassword: { autoConfirm: true, resetFunction: () => ({ status: "success" }) },
    customFunction: ({ id }: { readonly id?: unknown }) => id,
    customToken: { algorithm: "HS256", keys: ["a-secret-that-signs-tokens-of-others"] }
  },
  mongodb: { "mongodb-atlas": "open" },
  push: ["gcm"],
  functions: { echo: (...values: ReadonlyArray<unknown>) => values, first: (value: unknown) => value }
})

const logged: Array<string> = []
const Log = Logger.layer([
  Logger.make(({ cause, logLevel, message }) => {
    // what is told of a login that is refused does no harm
    if (logLevel !== "Info") logged.push(inspect([message, cause]))
  })
])
const Server = NodeAppServicesServer.layer(app, { passwordHashing: "testing", rateLimits: "off" }).pipe(
  Layer.provide(Log)
)

/** Numbers that are the same for the same seed. */
const random = (seed: number) => {
  let state = seed
  const next = (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
  return { next, pick: <A>(items: ReadonlyArray<A>): A => items[next(items.length)] }
}

type Random = ReturnType<typeof random>

const names = [
  ..."email username password token tokenId key name id arguments service options device deviceId registrationToken".split(
    " "
  ),
  ..."database collection query filter update document documents pipeline limit sort project field ids upsert".split(
    " "
  ),
  ..."$set $inc $push $match $group $regex $oid $date $numberLong $numberDecimal $binary $ref $id $where _id".split(
    " "
  ),
  ..."__proto__ constructor prototype toString then toJSON _bsontype length 0".split(" "),
  "",
  "a.b",
  "\0",
  "\ud800"
]

const texts = [
  "",
  "my-app",
  "a@b.c",
  "correct horse",
  "echo",
  "find",
  "aggregate",
  "mongodb-atlas",
  "__proto__",
  "\0",
  "\ud83d",
  "\u001b[2J",
  "%00",
  "../..",
  "(a+)+$",
  "5f1d7f3e9c1b2a0012345678",
  "1e400",
  "e30.e30.e30",
  "x".repeat(5000)
]

const wrapped = (inner: unknown, { pick }: Random): unknown =>
  pick([
    { $oid: inner },
    { $date: inner },
    { $date: { $numberLong: inner } },
    { $numberInt: inner },
    { $numberLong: inner },
    { $numberDouble: inner },
    { $numberDecimal: inner },
    { $uuid: inner },
    { $binary: { base64: inner, subType: inner } },
    { $binary: inner },
    { $regularExpression: { pattern: inner, options: inner } },
    { $timestamp: { t: inner, i: inner } },
    { $dbPointer: { $ref: inner, $id: inner } },
    { $ref: inner, $id: inner },
    { $code: inner, $scope: inner },
    { $symbol: inner },
    { $minKey: inner },
    { $undefined: inner }
  ])

const value = (random: Random, depth: number): unknown => {
  const { next, pick } = random
  const kind = next(depth > 4 ? 5 : 9)
  if (kind === 0) return pick([null, true, false, 0, -1, 1.5, 2 ** 53, -(2 ** 63), 1e308])
  if (kind < 5) return pick(texts)
  if (kind === 5) return Array.from({ length: next(4) }, () => value(random, depth + 1))
  if (kind === 6) return wrapped(value(random, depth + 1), random)
  return Object.fromEntries(Array.from({ length: next(5) }, () => [pick(names), value(random, depth + 1)]))
}

/** Bodies that come near to what the routes take. */
const shaped = (random: Random): unknown => {
  const any = () => value(random, 1)
  const one = (usual: unknown) => (random.next(3) === 0 ? any() : usual)
  return random.pick([
    () => ({ username: one("a@b.c"), password: one("correct horse"), options: any() }),
    () => ({ email: one("a@b.c"), password: one("correct horse"), arguments: any() }),
    () => ({ token: one("0".repeat(128)), tokenId: one("0".repeat(24)), password: one("correct horse") }),
    () => ({ key: any(), id: any(), name: one("key"), registrationToken: any() }),
    () => ({ name: one("echo"), arguments: one([any(), any()]), service: random.next(8) === 0 ? any() : undefined }),
    () => ({
      name: one(
        random.pick("find findOne updateOne updateMany insertOne insertMany aggregate distinct count".split(" "))
      ),
      service: one("mongodb-atlas"),
      arguments: one([
        {
          database: one("d"),
          collection: one("c"),
          query: any(),
          filter: any(),
          project: any(),
          update: random.pick([any, () => ({ $set: any() }), () => [{ $set: any() }]])(),
          document: any(),
          documents: one([any(), any()]),
          pipeline: one([{ $match: any() }, any()]),
          field: any(),
          limit: any()
        }
      ])
    }),
    any
  ])()
}

const bytes = (random: Random): Buffer => {
  const { next } = random
  const text = Buffer.from(JSON.stringify(shaped(random)) ?? "")
  switch (next(8)) {
    case 0:
      return Buffer.from(Array.from({ length: next(200) }, () => next(256)))
    case 1:
      return text.subarray(0, next(text.length + 1))
    case 2:
      for (let i = 0; i < 3; i++) text[next(text.length || 1)] = next(256)
      return text
    case 3:
      return Buffer.from('{"a":['.repeat(next(100_000)))
    default:
      return text
  }
}

const routes: ReadonlyArray<readonly [method: string, path: string]> = [
  ["GET", path("my-app", "location")],
  ...["anon-user", "local-userpass", "api-key", "custom-function", "custom-token", "oauth2-google", "%ff"].map(
    (provider) => ["POST", loginPath("my-app", provider)] as const
  ),
  ["POST", `${loginPath("my-app", "local-userpass")}?link=true`],
  ...["register", "confirm", "confirm/send", "confirm/call", "reset", "reset/send", "reset/call"].map(
    (rest) => ["POST", path("my-app", `auth/providers/local-userpass/${rest}`)] as const
  ),
  ["POST", path("my-app", "functions/call")],
  ["POST", path("my-app", "functions/call")],
  ["POST", path("my-app", "functions/call")],
  ["GET", `${path("my-app", "functions/call")}?baas_request=`],
  ["PUT", path("my-app", "push/providers/gcm/registration")],
  ["DELETE", path("my-app", "push/providers/gcm/registration")],
  ["POST", `${root}/auth/session`],
  ["GET", `${root}/auth/profile`],
  ["POST", `${root}/auth/api_keys`],
  ["GET", `${root}/auth/api_keys/`],
  ["PUT", `${root}/auth/api_keys/x/enable`],
  ["GET", "/inbox.json?app="]
]

/** A path with something wrong in it, most of the time something small. */
const bent = (target: string, { next, pick }: Random): string => {
  const odd = pick([
    "%00",
    "%2e%2e",
    "%2f",
    "//",
    "\\",
    "%zz",
    "%E4",
    ";x",
    "?a[]=1&a=2",
    "&baas_at=x",
    "#",
    "x".repeat(3000)
  ])
  const at = next(target.length)
  return next(4) === 0 ? `/${target.slice(1, at)}${odd}${target.slice(at)}`.replaceAll("//", pick(["/", "//"])) : target
}

layer(Server, { excludeTestServices: true })("whatever a client sends", (it) => {
  it.effect(
    "is answered, and nothing of it hurts the next one",
    () =>
      Effect.gen(function* () {
        const url = yield* NodeAppServicesServer.baseUrl
        const seed = randomInt(2 ** 31)
        const source = random(seed)
        const { next, pick } = source
        const logIn = Effect.map(
          rawRequest(url, "POST", loginPath("my-app", "anon-user"), {}),
          ({ text }) => JSON.parse(text) as Record<string, string>
        )
        const prototypes = inspect([Object.prototype, Array.prototype], { showHidden: true })

        const attempt = Effect.fnUntraced(function* (i: number, session: Record<string, string>) {
          const [method, route] = pick(routes)
          const body = bytes(source)
          const query = route.endsWith("=") ? body.subarray(0, 2000).toString(pick(["base64url", "hex"])) : ""
          const target = bent(route + query, source)
          const token = pick([session["access_token"], session["access_token"], session["refresh_token"], "x", "a.b.c"])
          const headers = {
            ...(next(6) > 0 && { authorization: `${pick(["Bearer", "Bearer", "bearer", "Basic"])} ${token}` }),
            ...(next(3) === 0 && {
              "content-type": pick(["text/plain", "application/json", "multipart/form-data", "\x80"])
            }),
            ...(next(8) === 0 && { "content-encoding": pick(["gzip", "br", "identity"]) }),
            ...(next(8) === 0 && { origin: pick(["null", "https://x.test", "\xe9"]) }),
            "content-length": String(body.length)
          }
          const shown = `seed ${seed}, request ${i}: ${method} ${target} ${body.subarray(0, 500).toString()}`
          const reply = yield* rawRequest(
            url,
            next(20) === 0 ? pick(["PATCH", "OPTIONS", "TRACE"]) : method,
            target,
            headers,
            body
          )
          assert.isTrue(reply.status >= 200 && reply.status < 500, `${reply.status} ${reply.text} ${shown}`)
          if (reply.status < 400) return
          assert.strictEqual(reply.headers["content-type"], "application/json", shown)
          assert.isString((JSON.parse(reply.text) as Record<string, unknown>)["error"], shown)
          assert.notMatch(reply.text, /\n +at |node_modules|\.[jt]s:\d/, shown)
          for (const secret of [session["access_token"], session["refresh_token"], "correct horse"]) {
            assert.notInclude(reply.text, secret ?? "-", shown)
          }
        })

        for (let round = 0; round < 10; round++) {
          const session = yield* logIn
          yield* Effect.forEach(
            Array.from({ length: 50 }, (_, i) => round * 50 + i),
            (i) => attempt(i, session),
            { concurrency: 4, discard: true }
          )
          const { access_token } = yield* logIn
          const call = yield* rawRequest(
            url,
            "POST",
            path("my-app", "functions/call"),
            { authorization: `Bearer ${access_token}` },
            Buffer.from(`{"name":"echo","arguments":[${round}]}`)
          )
          assert.strictEqual(call.text, `[{"$numberInt":"${round}"}]`, `seed ${seed}`)
          assert.deepStrictEqual(logged, [], `seed ${seed}`)
        }
        assert.strictEqual(
          inspect([Object.prototype, Array.prototype], { showHidden: true }),
          prototypes,
          `seed ${seed}`
        )
      }),
    180_000
  )
})
