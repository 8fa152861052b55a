/** Token stores that many processes share, on real engines. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as PgClient from "@effect/sql-pg/PgClient"
import { type Duration, Effect, Fiber, Layer, Option, Redacted, Schedule, Stream } from "effect"
import { Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import { EncryptedTokenRecords, TokenRecords, TokenStore } from "effect-app-services"
import * as RedisTokenRecords from "effect-app-services/client/RedisTokenRecords"
import * as SqlTokenRecords from "effect-app-services/client/SqlTokenRecords"
import { TokenStoreContract } from "effect-app-services/testing"
import type { Engine } from "../support/engines.ts"
import { engines } from "../support/sharedRecords.ts"

const keys = [{ id: "k", key: Redacted.make(Buffer.alloc(32, 1).toString("base64")) }] as const

for (const { clients, missing, name, records, says, start } of Object.values(engines)) {
  // loud in the list of tests; where changes are checked it is a failure
  if (missing !== "") {
    it.skipIf(process.env["CI"] === undefined)(`${name}: not tested, ${missing}`, () => assert.fail(missing))
    continue
  }
  describe(name, () => {
    let engine: Engine
    beforeAll(async () => {
      engine = await start()
    })
    afterAll(() => engine?.stop())
    const Records = Layer.unwrap(Effect.sync(() => records(engine.url)))
    const Encrypted = EncryptedTokenRecords.layer({ keys }).pipe(Layer.provide(Records))

    TokenStoreContract.suite(name, TokenStore.layerRecords.pipe(Layer.provide(Records)), it)
    TokenStoreContract.suite(`${name}, encrypted`, TokenStore.layerRecords.pipe(Layer.provide(Encrypted)), it)

    it.live("a record is replaced by its revision alone, and no revision comes twice", () =>
      Effect.gen(function* () {
        const records = yield* TokenRecords
        const put = (revision: Option.Option<string>, text: Option.Option<string>) =>
          records.replace("revisions", "a", revision, text)
        const revision = Effect.map(
          records.read("revisions", "a"),
          Option.map(({ revision }) => revision)
        )
        assert.isTrue(yield* put(Option.none(), Option.some("same")))
        const first = yield* revision
        assert.isFalse(yield* put(Option.none(), Option.some("other")))
        assert.isTrue(yield* put(first, Option.none()))
        assert.isFalse(yield* put(first, Option.some("other")))
        assert.isTrue(yield* put(Option.none(), Option.none()))
        assert.isTrue(yield* put(Option.none(), Option.some("same")))
        assert.notDeepEqual(yield* revision, first)
        assert.isFalse(yield* put(first, Option.none()))
        assert.strictEqual(Option.getOrThrow(yield* records.read("revisions", "a")).text, "same")
      }).pipe(Effect.provide(Records))
    )

    it.live("a damaged record is set aside once, unless it was replaced meanwhile", () =>
      Effect.gen(function* () {
        const records = yield* TokenRecords
        yield* records.replace("damaged", "a", Option.none(), Option.some("half a rec"))
        const { revision } = Option.getOrThrow(yield* records.read("damaged", "a"))
        yield* records.setAside("damaged", "a", "0")
        assert.deepStrictEqual(yield* records.ids("damaged"), ["a"])
        yield* records.setAside("damaged", "a", revision)
        yield* records.setAside("damaged", "a", revision)
        assert.deepStrictEqual(yield* records.ids("damaged"), [])
      }).pipe(Effect.provide(Records))
    )

    it.live("a change is noticed with its note; one that is too long for the engine is noticed without", () =>
      Effect.gen(function* () {
        const records = yield* TokenRecords
        const notices = yield* records.shared!.notices("noticed")
        const heard = yield* Effect.forkScoped(Stream.runCollect(Stream.take(notices, 2)), { startImmediately: true })
        yield* records.replace("elsewhere", "a", Option.none(), Option.some("x"), "not for this one")
        yield* records.replace("noticed", "a", Option.none(), Option.some("x"), "short")
        yield* records.replace("noticed", "b", Option.none(), Option.some("x"), "long".repeat(5_000))
        const [first, second] = yield* Fiber.join(heard)
        assert.deepStrictEqual(first, { id: "a", note: "short" })
        assert.strictEqual(second?.id, "b")
      }).pipe(Effect.scoped, Effect.provide(Records))
    )

    it.live("an engine that hangs does not hold up who begins to listen", () =>
      Effect.gen(function* () {
        const { shared } = yield* TokenRecords
        yield* Effect.sync(() => engine.signal("SIGSTOP"))
        const error = yield* Effect.flip(shared!.notices("x"))
        assert.include(error.message, says)
      }).pipe(
        Effect.scoped,
        Effect.ensuring(Effect.sync(() => engine.signal("SIGCONT"))),
        Effect.provide(Layer.unwrap(Effect.sync(() => records(engine.url, { timeout: "300 millis" }))))
      )
    )

    it.live("connections are closed with the layer", () =>
      Effect.gen(function* () {
        yield* Effect.gen(function* () {
          const records = yield* TokenRecords
          yield* Effect.asVoid(records.shared!.notices("x"))
          yield* Effect.forEach(["a", "b", "c"], (id) => records.read("x", id), { concurrency: 3 })
          assert.isAbove(yield* clients(engine.url), 1)
        }).pipe(Effect.scoped, Effect.provide(Records, { local: true }))
        // the engine takes its time to notice
        yield* Effect.retry(
          Effect.flatMap(clients(engine.url), (left) => (left === 0 ? Effect.void : Effect.fail(`${left} are left`))),
          Schedule.spaced("50 millis")
        )
      })
    )

    it.live("a lease has one holder, who alone can give it back", () =>
      Effect.gen(function* () {
        const { shared } = yield* TokenRecords
        assert(shared !== undefined)
        const left = (holder: string) => shared.acquire("leases", "a", holder)
        assert.strictEqual(yield* left("x"), 0)
        const wait = yield* left("y")
        assert.isTrue(wait > 0 && wait <= 600_000, `the lease is over in ${wait} ms`)
        yield* shared.release("leases", "a", "y")
        assert.isAbove(yield* left("y"), 0)
        yield* shared.release("leases", "a", "x")
        assert.strictEqual(yield* left("y"), 0)
      }).pipe(Effect.provide(Layer.unwrap(Effect.sync(() => records(engine.url, { lease: "10 minutes" })))))
    )

    it.live("a lease ends by itself, and who was late cannot give back another's", () =>
      Effect.gen(function* () {
        const acquire = (lease: Duration.Input, holder: string) =>
          TokenRecords.use(({ shared }) => shared!.acquire("leases", "b", holder)).pipe(
            Effect.provide(records(engine.url, { lease }), { local: true })
          )
        assert.strictEqual(yield* acquire("100 millis", "x"), 0)
        let left = 1
        while (left > 0) left = yield* Effect.delay(acquire("10 minutes", "z"), "20 millis")
        yield* Effect.provide(
          TokenRecords.use(({ shared }) => shared!.release("leases", "b", "x")),
          Records
        )
        assert.isAbove(yield* acquire("10 minutes", "y"), 0)
      })
    )
  })
}

describe.skipIf(engines.postgres.missing !== "")("the schema", () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await engines.postgres.start()
  })
  afterAll(() => engine?.stop())

  it.live("is created once by many that begin at the same time", () =>
    Effect.gen(function* () {
      const many = Effect.forEach(
        Array.from({ length: 40 }),
        () =>
          Effect.provide(
            TokenRecords.use((records) => records.ids("x")),
            engines.postgres.records(engine.url),
            { local: true }
          ),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(yield* many, 40)
    })
  )

  it.live("uses existing tables of a role that may not create them, and names missing ones", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* SqlTokenRecords.migrate({ prefix: "given" })
      yield* sql`CREATE ROLE guest LOGIN PASSWORD 'guest'`
      yield* sql`GRANT ALL ON ALL TABLES IN SCHEMA public TO guest`
      yield* sql`GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO guest`
      const asGuest = (prefix: string) =>
        TokenRecords.use((records) => records.replace("x", "a", Option.none(), Option.some("text"))).pipe(
          Effect.provide(SqlTokenRecords.layer({ prefix }), { local: true }),
          Effect.provide(PgClient.layer({ url: Redacted.make(engine.url.replace("tester:secret", "guest:guest")) }), {
            local: true
          })
        )
      assert.isTrue(yield* asGuest("given"))
      assert.match(String(yield* Effect.flip(asGuest("other"))), /the database failed/)
    }).pipe(Effect.provide(Layer.unwrap(Effect.sync(() => PgClient.layer({ url: Redacted.make(engine.url) })))))
  )
})

describe("errors", () => {
  const saying = (message: string, times: RedisTokenRecords.Options = {}) => {
    const fail = Effect.fail(new Redis.RedisError({ cause: new Error(message) }))
    const service = Redis.make({ send: () => fail, subscribe: () => fail, connect: fail })
    return RedisTokenRecords.layer(times).pipe(Layer.provide(Layer.effect(Redis.Redis, service)))
  }

  it.live("name the engine and hold nothing of what was sent", () =>
    Effect.gen(function* () {
      const error = yield* TokenRecords.use((records) =>
        Effect.flip(records.replace("x", "a", Option.none(), Option.some("a secret")))
      ).pipe(Effect.provide(saying("ERR unknown command 'EVALSHA', with args beginning with: 'a secret'")))
      assert.strictEqual(error.message, "Redis failed: ERR unknown command 'EVALSHA'")
      assert.notInclude(JSON.stringify(error), "a secret")
    })
  )

  it.live.each([{ lease: 0 }, { maxAge: "Infinity" }, { timeout: -1 }] as const)(
    "an option that cannot work: %j",
    (times) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.provide(TokenRecords, saying("nothing", times)))
        assert.include(String(error), Object.keys(times)[0])
      })
  )
})
