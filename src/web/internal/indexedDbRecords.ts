import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { TokenStoreError } from "../../client/internal/tokenStoreError.ts"
import type { Service as Records } from "../../client/TokenRecords.ts"
import * as KeyedLock from "../../core/keyedLock.ts"
import { page } from "./page.ts"
import type { IdbDatabase, IdbRequest, IdbStore } from "./page.ts"

const store = "records"
const prefixOf = (appId: string) => `${encodeURIComponent(appId)}/`
const keyOf = (appId: string, id: string) => prefixOf(appId) + encodeURIComponent(id)

/**
 * The records of a token store in a database of IndexedDB. What it refuses to keep, because it is full or blocked, is kept in
 * memory instead: such a record ends with the page, and works until then.
 *
 * @internal
 */
export interface IndexedDbRecords {
  readonly records: Records
  /** Whether the database can be used. */
  readonly opens: Effect.Effect<boolean>
}

/** @internal */
export const make = (name: string): Effect.Effect<IndexedDbRecords, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => connection(name)),
      ({ close }) => Effect.sync(close)
    ),
    ({ transact }) => {
      const kept = new Map<string, string>()
      const locked = KeyedLock.make()
      const readKey = (key: string) =>
        Effect.suspend(() => {
          const text = kept.get(key)
          return text === undefined
            ? Effect.orElseSucceed(transact("readonly", get(key)), () => undefined)
            : Effect.succeed(text)
        })
      const write = (key: string, text: string | undefined) => (records: IdbStore) =>
        text === undefined ? records.delete(key) : records.put(text, key)

      /** In one transaction, so that no other tab writes between the comparison and the change. */
      const swap = (key: string, expected: string | undefined, text: string | undefined) =>
        transact<boolean>("readwrite", (records, done) =>
          get(key)(records, (present) => {
            done(kept.has(key) || present === expected)
            if (kept.has(key) || present === expected) write(key, text)(records)
          })
        ).pipe(
          Effect.map((done = false) => {
            if (done) kept.delete(key)
            return done
          }),
          Effect.catch(() =>
            Effect.gen(function* () {
              if ((yield* readKey(key)) !== expected) return false
              // an older text would be found after a reload
              yield* Effect.ignore(transact("readwrite", write(key, undefined)))
              if (text === undefined) kept.delete(key)
              else kept.set(key, text)
              return true
            })
          )
        )
      const replace = (key: string, revision: Option.Option<string>, text: Option.Option<string>) =>
        locked(key)(
          Effect.suspend(() => {
            const expected = Option.getOrUndefined(revision)
            return kept.has(key) && kept.get(key) !== expected
              ? Effect.succeed(false)
              : swap(key, expected, Option.getOrUndefined(text))
          })
        )
      const records: Records = {
        read: (appId, id) =>
          Effect.map(readKey(keyOf(appId, id)), (text) =>
            text === undefined ? Option.none() : Option.some({ text, revision: text })
          ),
        replace: (appId, id, revision, text) => replace(keyOf(appId, id), revision, text),
        ids: (appId) =>
          transact<ReadonlyArray<unknown>>("readonly", (records, done) => answered(records.getAllKeys(), done)).pipe(
            Effect.orElseSucceed(() => undefined),
            Effect.map((stored = []) =>
              Array.from(new Set([...stored, ...kept.keys()]), String)
                .filter((key) => key.startsWith(prefixOf(appId)))
                .map((key) => decodeURIComponent(key.slice(prefixOf(appId).length)))
            )
          ),
        setAside: Effect.fnUntraced(function* (appId, id, revision) {
          const done = yield* replace(keyOf(appId, id), Option.some(revision), Option.none())
          if (done) yield* Effect.ignore(transact("readwrite", write(`set-aside/${keyOf(appId, id)}`, revision)))
        })
      }
      return { records, opens: Effect.isSuccess(transact("readonly", () => undefined)) }
    }
  )

type Use<A> = (records: IdbStore, done: (value: A) => void) => unknown

const answered = <A>(request: IdbRequest<A>, done: (value: A) => void): void =>
  request.addEventListener("success", () => done(request.result))

const get =
  (key: string): Use<string | undefined> =>
  (records, done) =>
    answered(records.get(key), (value) => done(typeof value === "string" ? value : undefined))

/** A connection, which opens at its first use, and again after the browser closed it. */
const connection = (name: string) => {
  let opening: Promise<IdbDatabase> | undefined
  const forget = () => {
    opening = undefined
  }
  const open = () =>
    new Promise<IdbDatabase>((resolve, reject) => {
      const request = page.indexedDB.open(name, 1)
      request.addEventListener("upgradeneeded", () => void request.result.createObjectStore(store))
      request.addEventListener("error", () => reject(new Error("IndexedDB did not open", { cause: request.error })))
      request.addEventListener("success", () => {
        const database = request.result
        database.addEventListener("close", forget)
        database.addEventListener("versionchange", () => {
          database.close()
          forget()
        })
        resolve(database)
      })
    })
  const database = async () => {
    try {
      return await (opening ??= open())
    } catch (error) {
      forget()
      throw error
    }
  }
  const run = async <A>(mode: "readonly" | "readwrite", use: Use<A>) => {
    const transaction = (await database()).transaction(store, mode)
    return new Promise<A | undefined>((resolve, reject) => {
      let value: A | undefined
      transaction.addEventListener("complete", () => resolve(value))
      transaction.addEventListener("abort", () =>
        reject(new Error("IndexedDB aborted a transaction", { cause: transaction.error }))
      )
      use(transaction.objectStore(store), (result) => (value = result))
    })
  }
  return {
    transact: <A>(mode: "readonly" | "readwrite", use: Use<A>) =>
      Effect.tryPromise({
        try: () => run(mode, use),
        catch: (cause) => new TokenStoreError({ message: "IndexedDB could not be read or written", cause })
      }),
    close: () => void opening?.then((database) => database.close()).catch(() => {})
  }
}
