import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Redacted } from "effect"
import { Database, MongoWire } from "effect-app-services/server"
import { TestClock } from "effect/testing"
import { deserialize, type Document, serialize } from "bson"
import { MongoClient, MongoServerError } from "mongodb"
import { connect, type Socket } from "node:net"
import { inspect } from "node:util"
import { app, layer, open, proxied, uriOf } from "./support.ts"

/** A message of the wire protocol with a kind and a body. */
const message = (opcode: number, body: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(16 + body.length)
  bytes.writeInt32LE(bytes.length, 0)
  bytes.writeInt32LE(1, 4)
  bytes.writeInt32LE(opcode, 12)
  bytes.set(body, 16)
  return bytes
}

const command = (document: Document): Buffer => message(2013, Buffer.concat([Buffer.alloc(5), serialize(document)]))

const raw = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<Socket>((resolve) => {
          const socket = connect(port, "127.0.0.1", () => resolve(socket))
          socket.on("error", () => {})
        })
    ),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** Sends bytes, and answers with the reply, or with `closed`. */
const exchange = (socket: Socket, bytes: Uint8Array) =>
  Effect.promise(
    () =>
      new Promise<Document | "closed">((resolve) => {
        socket.once("data", (chunk: Buffer) =>
          resolve(deserialize(chunk.subarray(chunk.readInt32LE(12) === 1 ? 36 : 21)))
        )
        socket.once("close", () => resolve("closed"))
        socket.write(bytes)
      })
  )

const provided = <A, E>(
  effect: Effect.Effect<A, E, MongoWire.MongoWire | Database.Database>,
  options?: MongoWire.Options
) => effect.pipe(Effect.provide(layer(options), { local: true }))

const connection = (uri: string) =>
  Effect.promise(async () => {
    const client = new MongoClient(uri, { serverSelectionTimeoutMS: 20_000 })
    try {
      await client.connect()
      return "connected"
    } catch (error) {
      return error
    } finally {
      await client.close()
    }
  })

describe("access to the MongoDB port", () => {
  it.live("refuses a wrong password and an unknown user with the same error", () =>
    provided(
      Effect.gen(function* () {
        const uri = yield* uriOf()
        const { password } = yield* MongoWire.MongoWire
        assert.strictEqual(yield* connection(uri), "connected")
        const wrong = yield* connection(uri.replace(Redacted.value(password), "wrong-password-wrong"))
        const unknown = yield* connection(uri.replace("//shop:", "//blog:"))
        for (const error of [wrong, unknown]) {
          assert.instanceOf(error, MongoServerError)
          assert.deepEqual(
            [error.code, error.codeName, error.message],
            [18, "AuthenticationFailed", "Authentication failed."]
          )
        }
        const plain = yield* connection(`${uri}&authMechanism=PLAIN`)
        assert.match(String(plain), /PLAIN which is not enabled/)
      })
    )
  )

  it.live("executes nothing without authentication but the handshake", () =>
    provided(
      Effect.scoped(
        Effect.gen(function* () {
          const { port } = yield* MongoWire.MongoWire
          const socket = yield* raw(port)
          const hello = yield* exchange(socket, command({ hello: 1, $db: "admin" }))
          assert.deepInclude(hello, { isWritablePrimary: true, setName: "effect-app-services", ok: 1 })
          for (const name of [
            "find",
            "insert",
            "listDatabases",
            "getParameter",
            "endSessions",
            "commitTransaction",
            "nope"
          ]) {
            const reply = yield* exchange(socket, command({ [name]: "items", $db: "shop" }))
            assert.deepInclude(reply, { ok: 0, code: 13, codeName: "Unauthorized" })
          }
          const legacy = Buffer.concat([
            Buffer.alloc(4),
            Buffer.from("admin.$cmd\0"),
            Buffer.alloc(8),
            serialize({ isMaster: 1 })
          ])
          assert.deepInclude(yield* exchange(socket, message(2004, legacy)), { ismaster: true, ok: 1 })
          const x509 = yield* exchange(
            socket,
            command({ authenticate: 1, mechanism: "MONGODB-X509", $db: "$external" })
          )
          assert.deepInclude(x509, { ok: 0, codeName: "MechanismUnavailable" })
        })
      )
    )
  )

  it.live("lets each user into one data source", () =>
    provided(
      Effect.scoped(
        Effect.gen(function* () {
          const { users } = yield* MongoWire.MongoWire
          assert.deepEqual(users, ["shop", "shop.archive"])
          const database = yield* Database.Database
          const namespace = { appId: "shop", service: "archive", database: "old", collection: "orders" }
          yield* database.insert(namespace, [{ _id: 1 }])
          const archive = yield* open(yield* uriOf("shop.archive"))
          const shop = yield* open(yield* uriOf("shop"))
          yield* Effect.promise(async () => {
            assert.strictEqual(await archive.db("old").collection("orders").countDocuments(), 1)
            assert.strictEqual(await shop.db("old").collection("orders").countDocuments(), 0)
          })
          const failure = yield* Effect.flip(uriOf("blog"))
          assert.match(failure.message, /expected one of shop, shop\.archive/)
        })
      )
    )
  )

  it.live("closes a connection whose bytes do not form a message, and goes on for others", () =>
    provided(
      Effect.scoped(
        Effect.gen(function* () {
          const { port } = yield* MongoWire.MongoWire
          const client = yield* open(yield* uriOf())
          const length = (bytes: number) => {
            const header = Buffer.alloc(16)
            header.writeInt32LE(bytes, 0)
            return header
          }
          const hello = serialize({ hello: 1, $db: "admin" })
          const sequence = Buffer.concat([Buffer.alloc(5), hello, Buffer.from([1, 255, 0, 0, 0, 97, 0])])
          const garbage: Record<string, Uint8Array> = {
            http: Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            "length 0": length(0),
            "negative length": length(-1),
            "too large for the handshake": length(1_000_000),
            "too large": length(2 ** 31 - 1),
            "unknown opcode": message(2012, Buffer.alloc(40)),
            "no body": message(2013, Buffer.alloc(4)),
            "unknown section": message(2013, Buffer.from([0, 0, 0, 0, 9, 1, 2, 3])),
            "unknown flags": message(2013, Buffer.concat([Buffer.from([4, 0, 0, 0, 0]), hello])),
            "a document that is too long": message(2013, Buffer.from([0, 0, 0, 0, 0, 255, 255, 0, 0])),
            "a sequence that is too long": message(2013, sequence),
            "two bodies": message(2013, Buffer.concat([Buffer.alloc(5), hello, Buffer.from([0]), hello]))
          }
          for (const [name, bytes] of Object.entries(garbage)) {
            assert.strictEqual(yield* exchange(yield* raw(port), bytes), "closed", name)
          }
          const socket = yield* raw(port)
          const broken = Buffer.from(hello)
          broken.writeUInt8(0x99, 4)
          const reply = yield* exchange(socket, message(2013, Buffer.concat([Buffer.alloc(5), broken])))
          assert.deepInclude(reply, { ok: 0, codeName: "InvalidBSON" })
          const random = yield* Effect.promise(() => client.db("shop").collection("items").insertOne({ a: 1 }))
          assert.isTrue(random.acknowledged)
        })
      )
    )
  )

  it.effect("closes cursors that are idle for ten minutes, also those of connections that were cut", () =>
    provided(
      Effect.scoped(
        Effect.gen(function* () {
          const uri = yield* uriOf()
          const proxy = yield* proxied(uri)
          const cut = yield* open(proxy.uri, { retryReads: false })
          const client = yield* open(uri)
          const items = client.db("shop").collection("items")
          yield* Effect.promise(() => items.insertMany(Array.from({ length: 10 }, (_, n) => ({ n }))))
          const cursor = cut.db("shop").collection("items").find().batchSize(2)
          yield* Effect.promise(() => cursor.next())
          const { id } = cursor
          proxy.cut()
          const getMore = Effect.promise(() =>
            client
              .db("shop")
              .command({ getMore: id, collection: "items", batchSize: 2 })
              .then(
                ({ cursor }) => cursor.nextBatch.length as unknown,
                (error: MongoServerError) => error.codeName
              )
          )
          assert.strictEqual(yield* getMore, 2)
          yield* TestClock.adjust("9 minutes")
          assert.strictEqual(yield* getMore, 2)
          yield* TestClock.adjust("10 minutes")
          assert.strictEqual(yield* getMore, "CursorNotFound")
        })
      )
    )
  )

  it.live("refuses cursors and connections beyond their limits", () =>
    provided(
      Effect.scoped(
        Effect.gen(function* () {
          const { port } = yield* MongoWire.MongoWire
          const client = yield* open(yield* uriOf(), { maxPoolSize: 1 })
          const outcome = yield* Effect.promise(async () => {
            const items = client.db("shop").collection("items")
            await items.insertMany([{}, {}])
            for (let opened = 0; ; opened++) {
              try {
                await client.db("shop").command({ find: "items", batchSize: 1 })
              } catch (error) {
                return { opened, error }
              }
            }
          })
          assert.strictEqual(outcome.opened, 1000)
          assert.match(String(outcome.error), /1000 cursors are open/)
          let refused = 0
          for (let i = 0; i < 4; i++) {
            const reply = yield* exchange(yield* raw(port), command({ ping: 1, $db: "admin" }))
            if (reply === "closed") refused++
          }
          assert.isAbove(refused, 0)
        })
      ),
      { maxConnections: 4 }
    )
  )

  it.live("shows its password in no error and no representation", () =>
    provided(
      Effect.gen(function* () {
        const wire = yield* MongoWire.MongoWire
        const secret = Redacted.value(wire.password)
        assert.isAtLeast(secret.length, 32)
        const shown = [inspect(wire, { depth: 9 }), JSON.stringify(wire), inspect(yield* wire.uri())].join()
        assert.notInclude(shown, secret)
      })
    )
  )

  it.live("tells why it cannot be opened", () =>
    provided(
      Effect.gen(function* () {
        const { port } = yield* MongoWire.MongoWire
        const second = (options: MongoWire.Options) =>
          Effect.exit(Layer.build(MongoWire.layer(app, options)).pipe(Effect.scoped))
        const taken = yield* second({ port })
        assert.isTrue(Exit.isFailure(taken))
        assert.include(inspect(taken, { depth: 9 }), `port ${port} of 127.0.0.1 is in use: choose another one`)
        const weak = yield* second({ password: Redacted.make("hunter2") })
        assert.include(inspect(weak, { depth: 9 }), "expected 16 to 256 letters")
        assert.notInclude(inspect(weak, { depth: 9 }), "hunter2")
      })
    )
  )
})
