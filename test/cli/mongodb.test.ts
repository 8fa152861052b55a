import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { MongoClient } from "mongodb"
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { directory } from "../server/support.ts"
import { ended, run, running, serveJson, uriOf } from "./support.ts"

const variable = "APP_SERVICES_MONGODB_PASSWORD"

/** Counts the documents of a collection by the port. */
const count = (uri: string) =>
  Effect.promise(async () => {
    const client = await new MongoClient(uri, { serverSelectionTimeoutMS: 20_000 }).connect()
    try {
      const items = client.db("shop").collection("items")
      await items.insertOne({})
      return await items.countDocuments()
    } finally {
      await client.close()
    }
  })

// each test starts processes, which takes its time on a busy machine
describe("serve --mongodb-port", { timeout: 180_000 }, () => {
  it.live("lets drivers in with the password of the data directory, which only its owner can read", () =>
    Effect.gen(function* () {
      const data = join(yield* directory({}), "data")
      const first = yield* serveJson(["examples/shop", "--data", data, "--mongodb-port", "0"])
      const file = join(data, "mongodb-password")
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      const password = readFileSync(file, "utf8").trim()
      const uri = uriOf(first.ready)
      assert.match(uri, /^mongodb:\/\/shop-abcde:PASSWORD@127\.0\.0\.1:\d+\/\?directConnection=true$/)
      assert.strictEqual(yield* count(uri.replace("PASSWORD", password)), 1)
      assert.include(first.output.stderr, "past the rules")
      assert.include(first.output.stderr, `the password is in ${file}`)
      assert.notInclude(first.output.stdout + first.output.stderr, password)
      first.child.kill("SIGTERM")
      assert.deepStrictEqual(yield* ended(first), { code: 0, signal: null })
      const second = yield* serveJson(["examples/shop", "--data", data, "--mongodb-port", "0"])
      assert.strictEqual(yield* count(uriOf(second.ready).replace("PASSWORD", password)), 2)
    })
  )

  it.live("shows a password in a pipe only if it is asked to, and has no port by default", () =>
    Effect.gen(function* () {
      const person = yield* running(["serve", "examples/shop", "--port", "0", "--mongodb-port", "0"])
      while (!person.output.stdout.includes("stop with Ctrl+C")) yield* Effect.sleep("5 millis")
      assert.match(person.output.stdout, /^mongodb {6}mongodb:\/\/shop-abcde:PASSWORD@/m)
      assert.include(person.output.stdout, "--mongodb-show-password")
      const asked = yield* serveJson(["examples/shop", "--mongodb-port", "0", "--mongodb-show-password"])
      assert.strictEqual(yield* count(uriOf(asked.ready)), 1)
      const none = yield* serveJson(["examples/shop"])
      assert.isUndefined(none.ready.mongodbUris)
      const chosen = { [variable]: "correct-horse-battery" }
      const given = yield* serveJson(["examples/shop", "--mongodb-port", "0"], chosen)
      const uri = uriOf(given.ready)
      assert.strictEqual(yield* count(uri.replace("PASSWORD", chosen[variable] ?? "")), 1)
      assert.notInclude(given.output.stdout + given.output.stderr, "correct-horse-battery")
    })
  )

  it.live("keeps the documents in the MongoDB of --mongodb or MONGODB_URI, and says where", () =>
    Effect.gen(function* () {
      const first = yield* serveJson(["examples/shop", "--mongodb-port", "0", "--mongodb-show-password"])
      const uri = uriOf(first.ready)
      const args = ["examples/shop", "--mongodb-port", "0", "--mongodb-show-password"]
      const second = yield* serveJson(args, { MONGODB_URI: uri })
      assert.strictEqual(yield* count(uriOf(second.ready)), 1)
      assert.strictEqual(yield* count(uri), 2)
      const person = yield* running(["serve", "examples/shop", "--port", "0", "--mongodb", uri])
      while (!person.output.stdout.includes("stop with Ctrl+C")) yield* Effect.sleep("5 millis")
      assert.match(person.output.stdout, /documents and users in MongoDB at 127\.0\.0\.1:\d+/)
      assert.notInclude(person.output.stdout, new URL(uri).password)
    })
  )

  it.live("says which MongoDB cannot be reached, without the password", () =>
    Effect.gen(function* () {
      const uri = "mongodb://ada:correct-horse-battery@127.0.0.1:1/?serverSelectionTimeoutMS=200"
      const { code, stderr } = yield* run(["serve", "examples/shop", "--port", "0"], { MONGODB_URI: uri })
      assert.strictEqual(code, 1)
      assert.include(stderr, "cannot connect to MongoDB at 127.0.0.1:1")
      assert.notInclude(stderr, "correct-horse")
    })
  )

  it.live("says what is wrong with a password or a port", () =>
    Effect.gen(function* () {
      const weak = yield* run(["serve", "examples/shop", "--port", "0", "--mongodb-port", "0"], {
        [variable]: "hunter2"
      })
      assert.strictEqual(weak.code, 1)
      assert.include(weak.stderr, "expected 16 to 256 letters")
      assert.notInclude(weak.stderr, "hunter2")
      const first = yield* serveJson(["examples/shop", "--mongodb-port", "0"])
      const port = /:(\d+)\/\?/.exec(uriOf(first.ready))?.[1] ?? ""
      const taken = yield* run(["serve", "examples/shop", "--port", "0", "--mongodb-port", port])
      assert.strictEqual(taken.code, 1)
      assert.include(taken.stderr, `port ${port} of 127.0.0.1 is in use`)
    })
  )
})
