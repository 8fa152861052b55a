/**
 * The records of a token store in PostgreSQL, or a compatible database, shared by any number of processes.
 *
 * @example
 * ```ts
 * import { TokenStore } from "effect-app-services"
 * import * as SqlTokenRecords from "effect-app-services/client/SqlTokenRecords"
 * import { Effect, Layer } from "effect"
 * import { PgClient } from "@effect/sql-pg"
 *
 * // needs a `PgClient.layer({ url })`
 * const Shared = TokenStore.layerRecords.pipe(
 *   Layer.provide(Layer.unwrap(Effect.map(PgClient.PgClient, ({ listen }) => SqlTokenRecords.layer({ listen }))))
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Statement } from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import { millisOf, within } from "./internal/engine.ts"
import { sharing, TokenRecords, TokenStoreError } from "./TokenRecords.ts"
import type { Service, SharedTokenRecords, SharingTimes } from "./TokenRecords.ts"

/**
 * The tables of the records, the notification of changes, and how long processes wait.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends SharingTimes {
  /**
   * The prefix of the names of the tables: at most 40 lower-case letters, digits and `_`.
   *
   * @default "app_services"
   */
  readonly prefix?: string | undefined
  /**
   * Whether to create missing tables when the layer is built; if `false`, run {@link migrate} yourself.
   *
   * @default true
   */
  readonly migrate?: boolean | undefined
  /**
   * Listens on a channel: `listen` of a `PgClient`. Without it other processes notice a change only when their cached
   * session has reached `maxAge`.
   */
  readonly listen?:
    | ((channel: string) => Effect.Effect<Queue.Dequeue<{ readonly payload: string }, SqlError>, SqlError, Scope.Scope>)
    | undefined
}

/**
 * The records over a `SqlClient`. Fails with `TokenStoreError` at an invalid option, at a database other than PostgreSQL, and
 * when the tables cannot be created.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<TokenRecords, TokenStoreError, SqlClient.SqlClient> =>
  Layer.effect(TokenRecords, make(options)).pipe(Layer.provide(SecureRandom.layerWebCrypto))

/** An arbitrary number, the same in every process that creates the tables. */
const migrationLock = 5_741_220_803

const tablesOf = (prefix: string) => ({
  records: `${prefix}_records`,
  revision: `${prefix}_revision`,
  setAside: `${prefix}_set_aside`,
  leases: `${prefix}_leases`
})

const checkPrefix = (prefix: string) =>
  /^[a-z_][a-z0-9_]{0,39}$/.test(prefix)
    ? Effect.void
    : Effect.fail(
        new TokenStoreError({
          message: "invalid prefix of the tables: expected at most 40 lower-case letters, digits and _"
        })
      )

/**
 * Creates missing tables. Any number of processes may run it concurrently; one of them creates. It needs the right to create
 * tables only if they are missing. Fails with `TokenStoreError`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const migrate = ({ prefix = "app_services" }: Pick<Options, "prefix"> = {}): Effect.Effect<
  void,
  TokenStoreError,
  SqlClient.SqlClient
> =>
  Effect.gen(function* () {
    yield* checkPrefix(prefix)
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const { leases, records, revision, setAside } = tablesOf(prefix)
    // this table is created last: if it exists, all do
    const created = sql<{ found: boolean }>`SELECT to_regclass(${leases}) IS NOT NULL AS found`
    if ((yield* created).some(({ found }) => found)) return
    yield* Effect.gen(function* () {
      // "IF NOT EXISTS" alone is a race: two processes that find nothing both create
      yield* sql`SELECT pg_advisory_xact_lock(${migrationLock}::bigint)`
      yield* sql`CREATE SEQUENCE IF NOT EXISTS ${sql(revision)}`
      yield* sql`CREATE TABLE IF NOT EXISTS ${sql(records)} (
        app text NOT NULL, id text NOT NULL, revision bigint NOT NULL, content text NOT NULL, PRIMARY KEY (app, id))`
      yield* sql`CREATE TABLE IF NOT EXISTS ${sql(setAside)} (
        app text NOT NULL, id text NOT NULL, revision bigint NOT NULL, content text NOT NULL,
        since timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (app, id, revision))`
      yield* sql`CREATE TABLE IF NOT EXISTS ${sql(leases)} (
        app text NOT NULL, id text NOT NULL, holder text NOT NULL, until timestamptz NOT NULL, PRIMARY KEY (app, id))`
    }).pipe(sql.withTransaction)
  }).pipe(Effect.mapError((error) => (error instanceof TokenStoreError ? error : failed(error))))

/** The database's own error may repeat the row, which holds tokens: only its kind and the driver's message are kept. */
const failed = ({ reason }: SqlError): TokenStoreError =>
  new TokenStoreError({ message: `the database failed: ${reason._tag}${reason.message ? ` (${reason.message})` : ""}` })

const Notice = Schema.fromJsonString(Schema.Struct({ app: Schema.String, id: Schema.String, note: Schema.String }))
const decodeNotice = Schema.decodeUnknownOption(Notice)
const encodeNotice = Schema.encodeSync(Notice)

/** The longest notice that the database accepts, in bytes. */
const longestNotice = 7_900

/** A notice that would be too long says that there was a change, but not which. */
const noticeOf = (app: string, id: string, note: string): string | undefined =>
  [encodeNotice({ app, id, note }), encodeNotice({ app, id, note: "" })].find(
    (notice) => new TextEncoder().encode(notice).length <= longestNotice
  )

/** The tables of one prefix, and how statements on them run. */
interface Tables {
  readonly sql: SqlClient.SqlClient
  readonly names: ReturnType<typeof tablesOf>
  readonly channel: string
  readonly listen: Options["listen"]
  readonly timeout: number
  /** Runs a statement within the time limit. */
  readonly answered: <A>(operation: Effect.Effect<A, SqlError>) => Effect.Effect<A, TokenStoreError>
}

/** Text in PostgreSQL cannot contain NUL. */
const key = encodeURIComponent

const make = Effect.fnUntraced(function* ({
  listen,
  migrate: migrates = true,
  prefix = "app_services",
  ...times
}: Options) {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const { lease, maxAge, timeout } = yield* millisOf(times)
  yield* checkPrefix(prefix)
  const dialect = sql.onDialectOrElse({ pg: () => true, orElse: () => false })
  if (!dialect) {
    return yield* new TokenStoreError({
      message:
        "unsupported database: SqlTokenRecords needs PostgreSQL. For another database that one process at a time uses, take TokenRecords.layerKeyValueStore over KeyValueStore.layerSql"
    })
  }
  if (migrates) yield* migrate({ prefix })
  const process = yield* (yield* SecureRandom.SecureRandom).uuidV4()
  const tables: Tables = {
    sql,
    names: tablesOf(prefix),
    channel: `${prefix}_notices`,
    listen,
    timeout,
    answered: (operation) => within("the database", timeout)(Effect.mapError(operation, failed))
  }
  return TokenRecords.of({
    ...recordsOf(tables),
    shared: { sharing, process, maxAge, ...leasesOf(tables, lease), notices: noticesOf(tables) }
  })
})

const recordsOf = ({ answered, channel, listen, names, sql }: Tables): Omit<Service, "shared"> => {
  const records = sql(names.records)

  /** Makes a change and sends its notice in one statement, and so in one transaction. Returns whether there was a change. */
  const changed = (change: Statement<object>, notice: string | undefined) =>
    Effect.map(
      answered(
        listen !== undefined && notice !== undefined
          ? sql`WITH changed AS (${change}) SELECT pg_notify(${channel}, ${notice})::text AS sent FROM changed`
          : sql`${change}`
      ),
      (rows) => rows.length > 0
    )

  return {
    read: (appId, id) =>
      Effect.map(
        answered(
          sql<{ revision: string; content: string }>`
            SELECT revision::text AS revision, content FROM ${records} WHERE app = ${key(appId)} AND id = ${key(id)}`
        ),
        ([row]) => (row === undefined ? Option.none() : Option.some({ revision: row.revision, text: row.content }))
      ),
    replace: (appId, id, revision, text, note) => {
      const [app, name] = [key(appId), key(id)]
      const next = sql`nextval(${names.revision})`
      const change = Option.match(revision, {
        onNone: () =>
          Option.isNone(text)
            ? sql`SELECT 1 AS done WHERE NOT EXISTS (SELECT FROM ${records} WHERE app = ${app} AND id = ${name})`
            : sql`INSERT INTO ${records} (app, id, revision, content) VALUES (${app}, ${name}, ${next}, ${text.value})
                ON CONFLICT DO NOTHING RETURNING 1 AS done`,
        onSome: (revision) =>
          Option.isNone(text)
            ? sql`DELETE FROM ${records} WHERE app = ${app} AND id = ${name} AND revision = ${revision}::bigint
                RETURNING 1 AS done`
            : sql`UPDATE ${records} SET revision = ${next}, content = ${text.value}
                WHERE app = ${app} AND id = ${name} AND revision = ${revision}::bigint RETURNING 1 AS done`
      })
      return changed(change, note === undefined ? undefined : noticeOf(appId, id, note))
    },
    ids: (appId) =>
      Effect.map(answered(sql<{ id: string }>`SELECT id FROM ${records} WHERE app = ${key(appId)}`), (rows) =>
        rows.map(({ id }) => decodeURIComponent(id))
      ),
    setAside: (appId, id, revision) =>
      Effect.asVoid(
        answered(sql`
          WITH taken AS (
            DELETE FROM ${records} WHERE app = ${key(appId)} AND id = ${key(id)} AND revision = ${revision}::bigint
            RETURNING app, id, revision, content)
          INSERT INTO ${sql(names.setAside)} (app, id, revision, content) SELECT * FROM taken`)
      )
  }
}

const leasesOf = (
  { answered, names, sql }: Tables,
  lease: number
): Pick<SharedTokenRecords, "acquire" | "release"> => ({
  acquire: (appId, id, holder) =>
    Effect.map(
      answered(sql<{ wait: number }>`
        WITH taken AS (
          INSERT INTO ${sql(names.leases)} AS held (app, id, holder, until)
          VALUES (${key(appId)}, ${key(id)}, ${holder}, clock_timestamp() + ${lease} * interval '1 millisecond')
          ON CONFLICT (app, id) DO UPDATE SET holder = excluded.holder, until = excluded.until
          WHERE held.until < clock_timestamp() RETURNING 0 AS wait)
        SELECT wait FROM taken UNION ALL
        SELECT greatest(ceil(extract(epoch FROM until - clock_timestamp()) * 1000), 1)::int FROM ${sql(names.leases)}
        WHERE app = ${key(appId)} AND id = ${key(id)} AND NOT EXISTS (SELECT FROM taken)`),
      // the statement does not see a lease that was acquired while it ran
      ([row]) => row?.wait ?? 1
    ),
  release: (appId, id, holder) =>
    Effect.asVoid(
      answered(sql`DELETE FROM ${sql(names.leases)}
        WHERE app = ${key(appId)} AND id = ${key(id)} AND holder = ${holder}`)
    )
})

const noticesOf =
  ({ channel, listen, timeout }: Tables): SharedTokenRecords["notices"] =>
  (appId) =>
    listen === undefined
      ? Effect.succeed(Stream.never)
      : Effect.map(within("the database", timeout)(Effect.mapError(listen(channel), failed)), (queue) =>
          Stream.fromQueue(queue).pipe(
            Stream.mapError(failed),
            Stream.map(({ payload }) => decodeNotice(payload)),
            Stream.flatMap((notice) =>
              Option.isSome(notice) && notice.value.app === appId
                ? Stream.succeed({ id: notice.value.id, note: notice.value.note })
                : Stream.empty
            )
          )
        )
