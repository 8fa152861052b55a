import { assert, describe, it, layer } from "@effect/vitest"
import { DateTime, Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { App, Inbox } from "effect-app-services/server"
import { request } from "node:http"
import { ask, path, register, withApps } from "./support.ts"

const app = (id: string) => App.make({ id, providers: { emailPassword: { emailConfirmationUrl: "http://x.test/c" } } })

const tos = (app?: string) =>
  Effect.map(
    Effect.flatMap(Inbox.Inbox, (inbox) => inbox.messages(app)),
    (messages) => messages.map(({ to }) => to)
  )

describe("the inbox", () => {
  it.effect("keeps what would have been mailed, the newest last, by application", () =>
    Effect.gen(function* () {
      const { arrivals } = yield* Inbox.Inbox
      const watching = yield* Effect.forkChild(Stream.runCollect(Stream.take(arrivals, 2)), { startImmediately: true })
      for (const [email, appId] of [
        ["1@b.c", "one"],
        ["2@b.c", "two"],
        ["3@b.c", "one"]
      ] as const) {
        yield* register(email, "correct horse", appId)
      }
      assert.deepStrictEqual(yield* tos(), ["1@b.c", "2@b.c", "3@b.c"])
      assert.deepStrictEqual(yield* tos("one"), ["1@b.c", "3@b.c"])
      assert.deepStrictEqual(yield* tos("three"), [])
      assert.deepStrictEqual(
        Array.from(yield* Fiber.join(watching), ({ to }) => to),
        ["1@b.c", "2@b.c"]
      )
    }).pipe(withApps([app("one"), app("two")]))
  )

  it.effect("forgets the oldest beyond a thousand", () =>
    Effect.gen(function* () {
      const { deliver } = yield* Inbox.Inbox
      for (let i = 0; i < 1001; i++) {
        yield* deliver({
          app: "one",
          to: `${i}`,
          kind: "reset",
          subject: "",
          token: Redacted.make(""),
          tokenId: "",
          at: yield* DateTime.now
        })
      }
      const all = yield* tos()
      assert.deepStrictEqual([all.length, all[0], all.at(-1)], [1000, "1", "1000"])
    }).pipe(Effect.provide(Inbox.Inbox.layerMemory))
  )

  it.effect("is not read by requests of which nobody knows where they come from", () =>
    Effect.gen(function* () {
      const { status } = yield* ask("GET", "/inbox.json")
      assert.strictEqual(status, 403)
    }).pipe(withApps(app("one")))
  )
})

const Server = Layer.suspend(() =>
  NodeAppServicesServer.layer([app("one"), app("two")], { passwordHashing: "testing" })
)

/** `fetch` lets nobody choose the host or the origin. */
const get = (query: string, headers: Record<string, string> = {}) =>
  Effect.flatMap(NodeAppServicesServer.baseUrl, (baseUrl) =>
    Effect.promise(
      () =>
        new Promise<{ status: number | undefined; headers: Record<string, unknown>; text: string }>(
          (resolve, reject) => {
            request(`${baseUrl}/inbox.json${query}`, { headers, agent: false }, (response) => {
              let text = ""
              response.setEncoding("utf8")
              response.on("data", (chunk: string) => (text += chunk))
              response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text }))
            })
              .on("error", reject)
              .end()
          }
        )
    )
  )

layer(Server, { excludeTestServices: true })("the inbox over HTTP", (it) => {
  const registerAt = (appId: string, email: string) =>
    Effect.flatMap(NodeAppServicesServer.baseUrl, (baseUrl) =>
      Effect.promise(() =>
        fetch(`${baseUrl}${path(appId, "auth/providers/local-userpass/register")}`, {
          method: "POST",
          body: JSON.stringify({ email, password: "correct horse" })
        })
      )
    )

  it.effect("shows its messages to this machine", () =>
    Effect.gen(function* () {
      yield* registerAt("one", "ada@example.com")
      yield* registerAt("two", "bob@example.com")
      const { headers, status, text } = yield* get("?app=one")
      assert.strictEqual(status, 200)
      assert.strictEqual(headers["content-type"], "application/json")
      assert.strictEqual(headers["cache-control"], "no-store")
      assert.strictEqual(headers["x-content-type-options"], "nosniff")
      const [{ at, token, tokenId, ...message }, ...more] = JSON.parse(text) as ReadonlyArray<Record<string, string>>
      assert.deepStrictEqual(more, [])
      assert.deepStrictEqual(message, {
        app: "one",
        to: "ada@example.com",
        kind: "confirmation",
        subject: "Please confirm your email address",
        url: `http://x.test/c?token=${token}&tokenId=${tokenId}`
      })
      assert.match(token, /^[0-9a-f]{128}$/)
      assert.isBelow(Math.abs(Date.parse(at) - Date.now()), 60_000)
      assert.strictEqual((JSON.parse((yield* get("")).text) as ReadonlyArray<unknown>).length, 2)
      assert.strictEqual((yield* get("?app=three")).text, "[]")
      assert.notInclude(text, "correct horse")
    })
  )

  it.effect("shows nothing to web pages, nor to what a proxy or a resolver leads here", () =>
    Effect.gen(function* () {
      for (const headers of [
        { origin: "https://evil.test" },
        { origin: "null" },
        { host: "evil.test" },
        { host: "127.0.0.1.evil.test" },
        { host: "localhost.evil.test:80" },
        { forwarded: "for=203.0.113.7" },
        { "x-forwarded-for": "203.0.113.7" },
        { "x-forwarded-host": "shop.test" },
        { via: "1.1 proxy" }
      ]) {
        const { status, text } = yield* get("", headers)
        assert.deepStrictEqual(
          [status, text],
          [403, '{"error":"the inbox can be read on the server\'s own machine only"}'],
          JSON.stringify(headers)
        )
      }
      for (const host of ["localhost:9090", "127.0.0.1", "[::1]:9090", "LOCALHOST"]) {
        assert.strictEqual((yield* get("", { host })).status, 200, host)
      }
    })
  )
})
