import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Admin, App, Inbox } from "effect-app-services/server"
import { connect, type Socket } from "node:net"
import * as NodeAppServicesServer from "../../src/node/NodeAppServicesServer.ts"
import { loginPath, path, root } from "./support.ts"

let calls = 0
let interrupted = 0

const app = App.make({
  id: "my-app",
  providers: {
    anonymous: true,
    emailPassword: { autoConfirm: false, confirmationFunction: "slow" },
    customFunction: "slow"
  },
  functions: {
    slow: () => {
      calls++
      return Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
    },
    echo: (value: unknown) => value
  }
})

const Server = NodeAppServicesServer.layer(app, { passwordHashing: "testing" })

/** Writes pieces of text to a connection, and reads until the server closes it. */
const talk = (use: (socket: Socket) => void) =>
  Effect.flatMap(NodeAppServicesServer.baseUrl, (url) =>
    Effect.callback<string>((resume) => {
      let heard = ""
      const socket = connect(Number(new URL(url).port), "127.0.0.1", () => use(socket))
      socket.on("data", (data) => (heard += data.toString()))
      socket.on("error", () => {})
      socket.on("close", () => resume(Effect.succeed(heard)))
    })
  )

const head = (method: string, target: string, ...headers: ReadonlyArray<string>) =>
  [`${method} ${target} HTTP/1.1`, "Host: x", ...headers, "", ""].join("\r\n")

const body = (answer: string) => JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4)) as Record<string, string>

const eventually = (what: () => boolean) =>
  Effect.promise(async () => {
    while (!what()) await new Promise((resolve) => setTimeout(resolve, 5))
  })

const location = path("my-app", "location")

layer(Server, { excludeTestServices: true })("a connection", (it) => {
  const isServed = Effect.gen(function* () {
    const answer = yield* talk((socket) => socket.write(head("GET", location, "Connection: close")))
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
  })

  it.effect("is answered in JSON and disconnected if it does not speak HTTP", () =>
    Effect.gen(function* () {
      const login = loginPath("my-app", "anon-user")
      const nonsense: ReadonlyArray<string | Buffer> = [
        Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        head("GET", location, "A : b"),
        head("GET", location, "A: \0"),
        head("GET", location, "A: b", " c"),
        head("GET", "/\u00e9"),
        head("POST", login, "Content-Length: -1"),
        head("POST", login, "Content-Length: 99999999999999999999"),
        head("POST", login, "Content-Length: 1", "Content-Length: 2") + "ab",
        head("POST", login, "Transfer-Encoding: xchunked") + "0\r\n\r\n",
        head("POST", login, "Transfer-Encoding: chunked") + "zz\r\n{}\r\n",
        // what a proxy might take for one request and a server for two
        head("POST", login, "Content-Length: 4", "Transfer-Encoding: chunked") + `0\r\n\r\n${head("GET", location)}`,
        head("POST", login, "Transfer-Encoding: chunked, identity") + `0\r\n\r\n${head("GET", location)}`
      ]
      for (const text of nonsense) {
        const answer = yield* talk((socket) => socket.write(text))
        assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\nContent-Type: application\/json\r\n/, String(text))
        assert.deepStrictEqual(body(answer), { error: "the request is not HTTP/1.1", error_code: "BadRequest" })
      }
      yield* isServed
    })
  )

  it.effect("is rejected if it names several hosts, or an invalid one", () =>
    Effect.gen(function* () {
      for (const headers of [
        ["Host: localhost", "Host: evil.example"],
        ["Host: x", "hOST: x"],
        ["Host: a b"],
        ["Host: evil.example/path"],
        ["Host: user@evil.example"]
      ]) {
        for (const [method, target] of [
          ["GET", location],
          ["OPTIONS", location],
          ["POST", loginPath("my-app", "anon-user")]
        ] as const) {
          const text = [`${method} ${target} HTTP/1.1`, ...headers, "Connection: close", "", ""].join("\r\n")
          const answer = yield* talk((socket) => socket.write(text))
          assert.match(answer, /^HTTP\/1\.1 400 /, text)
          assert.include(answer, "expected exactly one host name")
        }
      }
      for (const name of ["", "localhost", "127.0.0.1:80", "[::1]:9090", "a_b.example:", "x.test:443"]) {
        const text = [`GET ${location} HTTP/1.1`, `Host: ${name}`, "Connection: close", "", ""].join("\r\n")
        assert.match(yield* talk((socket) => socket.write(text)), /^HTTP\/1\.1 200 /, name)
      }
    })
  )

  it.effect("gets an error for a head of more than 64 KB", () =>
    Effect.gen(function* () {
      const long = "a".repeat(70_000)
      for (const text of [head("GET", `/${long}`), head("GET", location, `X: ${long}`)]) {
        const answer = yield* talk((socket) => socket.write(text))
        assert.match(answer, /^HTTP\/1\.1 431 /)
        assert.match(body(answer)["error"], /exceed 64 KiB/)
      }
      // a token with the custom data of its user may be long
      const token = `Authorization: Bearer ${"a.".repeat(20_000)}`
      const answer = yield* talk((socket) =>
        socket.write(head("GET", `${root}/auth/profile`, token, "Connection: close"))
      )
      assert.match(answer, /^HTTP\/1\.1 401 /)
    })
  )

  it.effect("gets the answers to pipelined requests in their order", () =>
    Effect.gen(function* () {
      const requests = Array.from({ length: 50 }, (_, i) => head("GET", path(`app-${i}`, "location")))
      const answer = yield* talk((socket) =>
        socket.write(requests.join("") + head("GET", location, "Connection: close"))
      )
      const named = [...answer.matchAll(/Client App ID 'app-(\d+)'/g)].map(([, i]) => Number(i))
      assert.deepStrictEqual(
        named,
        Array.from({ length: 50 }, (_, i) => i)
      )
      assert.match(answer, /"deployment_model":"GLOBAL"\}$/)
    })
  )

  it.effect("is told that its body is too large before it is sent", () =>
    Effect.gen(function* () {
      const login = loginPath("my-app", "anon-user")
      for (const expect of [[], ["Expect: 100-continue"]]) {
        const answer = yield* talk((socket) => {
          socket.write(head("POST", login, "Content-Length: 9999999999", ...expect))
          socket.once("data", () => socket.end())
        })
        assert.match(answer, /^HTTP\/1\.1 413 /)
      }
      const answer = yield* talk((socket) => {
        socket.write(head("POST", login, "Content-Length: 2", "Expect: 100-continue", "Connection: close"))
        socket.once("data", () => socket.write("{}"))
      })
      assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/)
    })
  )

  it.effect("leaves nothing half done when it disconnects", () =>
    Effect.gen(function* () {
      const accounts = path("my-app", "auth/providers/local-userpass/register")
      const post = (target: string, text: string, length = text.length) =>
        head("POST", target, `Content-Length: ${length}`) + text
      const before = yield* (yield* Admin.Admin).users("my-app")
      // in the middle of the body
      yield* talk((socket) => socket.end(post(accounts, `{"email":"a@b.c","password":"sec`, 100)))
      yield* talk((socket) => socket.end(post(loginPath("my-app", "custom-function"), `{"id`, 100)))
      assert.strictEqual(calls, 0)
      // in the middle of the work
      for (const [target, text] of [
        [accounts, `{"email":"a@b.c","password":"secret1"}`],
        [loginPath("my-app", "custom-function"), `{"id":"a"}`]
      ] as const) {
        const [begun, stopped] = [calls, interrupted]
        yield* talk((socket) => {
          socket.write(post(target, text))
          const timer = setInterval(() => {
            if (calls > begun) socket.destroy()
          }, 5)
          socket.on("close", () => clearInterval(timer))
        })
        yield* eventually(() => interrupted === stopped + 1)
      }
      // the address is free: registering it comes as far as the first time
      const begun = calls
      yield* talk((socket) => {
        socket.write(post(accounts, `{"email":"a@b.c","password":"secret1"}`))
        const timer = setInterval(() => {
          if (calls > begun) socket.destroy()
        }, 5)
        socket.on("close", () => clearInterval(timer))
      })
      assert.deepStrictEqual(yield* (yield* Admin.Admin).users("my-app"), before)
      assert.deepStrictEqual(yield* (yield* Inbox.Inbox).messages(), [])
      yield* eventually(() => interrupted === calls)
      yield* isServed
    })
  )
})

describe("a server that waits briefly", () => {
  it.live("cuts a connection that takes too long to say what it wants", () =>
    Effect.gen(function* () {
      const slow = yield* Effect.all(
        [
          talk(() => {}),
          talk((socket) => socket.write("GET / HT")),
          talk((socket) => {
            const timer = setInterval(() => socket.write("A: b\r\n"), 50)
            socket.on("close", () => clearInterval(timer))
            socket.write("GET / HTTP/1.1\r\n")
          }),
          talk((socket) => socket.write(head("POST", loginPath("my-app", "anon-user"), "Content-Length: 5") + "{"))
        ],
        { concurrency: "unbounded" }
      )
      for (const answer of slow) {
        assert.match(answer, /^HTTP\/1\.1 408 Request Timeout\r\n/)
        assert.deepStrictEqual(body(answer), { error: "the request took too long to arrive", error_code: "BadRequest" })
      }
      // one that is quick enough on a busy machine
      let answer = ""
      while (!answer.startsWith("HTTP/1.1 200 OK\r\n")) {
        answer = yield* talk((socket) => socket.write(head("GET", location, "Connection: close")))
      }
    }).pipe(
      Effect.provide(
        NodeAppServicesServer.layer(app, {
          passwordHashing: "testing",
          headersTimeout: "300 millis",
          requestTimeout: "600 millis"
        })
      )
    )
  )
})

describe("a server of few connections", () => {
  it.live("cuts those beyond, and takes others when there is room again", () =>
    Effect.gen(function* () {
      const get = head("GET", location, "Connection: close")
      const held = yield* Effect.acquireRelease(
        Effect.flatMap(NodeAppServicesServer.baseUrl, (url) =>
          Effect.callback<Socket>((resume) => {
            const socket = connect(Number(new URL(url).port), "127.0.0.1", () => resume(Effect.succeed(socket)))
            socket.write(head("GET", location))
          })
        ),
        (socket) => Effect.sync(() => socket.destroy())
      )
      yield* Effect.promise(() => new Promise((resolve) => held.once("data", resolve)))
      assert.strictEqual(yield* talk((socket) => socket.write(get)), "")
      held.destroy()
      let answer = ""
      while (answer === "") answer = yield* talk((socket) => socket.write(get))
      assert.match(answer, /^HTTP\/1\.1 200 OK/)
    }).pipe(
      Effect.scoped,
      Effect.provide(NodeAppServicesServer.layer(app, { passwordHashing: "testing", maxConnections: 1 }))
    )
  )
})

describe("test settings", () => {
  it.effect.each(["0.0.0.0", "::", "::ffff:0.0.0.0"])("are refused where others can reach them: %s", (host) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Effect.scoped(Layer.build(NodeAppServicesServer.layer(app, { passwordHashing: "testing", host })))
      )
      assert.strictEqual(error._tag, "AppServicesServerError")
      assert.match(String(error), /works on a loopback address only/)
    })
  )

  it.live.each(["127.0.0.1", "127.0.0.2", "::1", "localhost"])("are good for %s", (host) =>
    Effect.scoped(Layer.build(NodeAppServicesServer.layer(app, { passwordHashing: "testing", host })))
  )
})
