/** The newest changes of a data source, as MongoDB's oplog; each watcher reads them at its own pace. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import { crc32 } from "node:zlib"
import { Binary, deserialize, serialize, Timestamp } from "bson"
import * as Stream from "effect/Stream"
import type { UpdateDescription } from "../../language/Update.ts"
import { isDocument } from "../../language/Value.ts"
import { type Entry, EventLog, isHistoryLost, type Limits } from "../../storage/EventLog.ts"
import type { RowStore } from "../../storage/RowStore.ts"
import type { Edit } from "../../storage/Table.ts"
import { DatabaseError } from "../DatabaseError.ts"
import { asError } from "../internal/failures.ts"
import type { Changes, Document, Watched } from "../Operation.ts"
import * as Rows from "./rows.ts"

/** A change without its place in the log. */
export type Change =
  | { readonly operationType: "insert"; readonly document: Document }
  | { readonly operationType: "replace"; readonly document: Document; readonly before: Document }
  | {
      readonly operationType: "update"
      readonly document: Document
      readonly before: Document
      readonly description: UpdateDescription
    }
  | { readonly operationType: "delete"; readonly before: Document }

/** A change of a collection. */
export interface Recorded {
  readonly ns: { readonly db: string; readonly coll: string }
  readonly change: Change
  /** The approximate bytes of its documents. */
  readonly size: number
}

/** MongoDB's numbers of the errors of change streams. */
const codes = { tokenNotFound: 280, historyLost: 286 }

/** The label of errors after which a stream cannot be continued with the same resume token. */
const labels = ["NonResumableChangeStreamError"]

const historyLost = () =>
  new DatabaseError({
    code: codes.historyLost,
    labels,
    message: "Resume of change stream was not possible, as the resume point may no longer be in the oplog."
  })

const notFound = () =>
  new DatabaseError({
    code: codes.tokenNotFound,
    labels,
    message:
      "cannot resume stream; the resume token was not found: it is of another data source, or of a server that kept no data"
  })

/** Converts a failure to read the log. */
const failureOf = (cause: unknown): DatabaseError => (isHistoryLost(cause) ? historyLost() : asError(cause))

const table = "changeLogs"

/**
 * The key of the resume tokens of a row store, which it keeps.
 *
 * Events must not reveal the changes that a watcher does not see. A token is therefore encrypted, and times have
 * milliseconds in place of a counter, so that neither tells how many changes there were in between.
 */
export const tokenKey = (rowStore: RowStore["Service"]): Uint8Array => {
  for (const { key, value } of rowStore.rows(table)) if (key === "tokens") return value
  const value = randomBytes(16)
  if (rowStore.keeps) rowStore.commit([{ table, key: "tokens", value }])
  return value
}

const topicOf = ({ collection, database }: Pick<Watched, "database" | "collection">): string =>
  [database, collection].flatMap((name) => (name === undefined ? [] : [encodeURIComponent(name)])).join("/")

const binary = (document: Document): Binary => new Binary(Rows.encode(document))

const encode = ({ change, ns: { coll, db } }: Recorded): Uint8Array =>
  serialize({
    op: change.operationType,
    db,
    coll,
    ...("document" in change && { doc: binary(change.document) }),
    ...("before" in change && { was: binary(change.before) }),
    ...("description" in change && { ud: binary({ ...change.description }) })
  })

const read = (value: unknown): Document => {
  if (value instanceof Binary) return Rows.decodeAny(value.buffer.subarray(0, value.position))
  throw new Error("the row is not a change")
}

const changeOf = ({ doc, op, ud, was }: Document): Change => {
  switch (op) {
    case "insert":
      return { operationType: op, document: read(doc) }
    case "delete":
      return { operationType: op, before: read(was) }
    case "replace":
      return { operationType: op, document: read(doc), before: read(was) }
    case "update": {
      const { removedFields, truncatedArrays, updatedFields } = read(ud)
      const description = {
        updatedFields: isDocument(updatedFields) ? updatedFields : {},
        removedFields: Array.isArray(removedFields) ? removedFields : [],
        truncatedArrays: Array.isArray(truncatedArrays) ? truncatedArrays : []
      }
      return { operationType: op, document: read(doc), before: read(was), description }
    }
    default:
      throw new Error("the row is not a change")
  }
}

const decode = (bytes: Uint8Array): Recorded => {
  const row: Document = deserialize(bytes, { promoteBuffers: false })
  return { ns: { db: String(row["db"]), coll: String(row["coll"]) }, change: changeOf(row), size: bytes.length }
}

export class ChangeLog {
  readonly #log: EventLog<Recorded>
  readonly #key: Uint8Array
  readonly #name: number
  /** Each event is made once, for all of its watchers. */
  readonly #made = new WeakMap<Entry<Recorded>, Document>()

  /** Opens the log of a data source, by its name. */
  constructor(rowStore: RowStore["Service"], name: string, key: Uint8Array, limits: Limits) {
    this.#key = key
    this.#name = crc32(name)
    this.#log = new EventLog(rowStore, {
      table: `changes/${name}`,
      encode,
      decode,
      sizeOf: ({ size }) => size,
      topicsOf: ({ ns: { coll, db } }) => ["", topicOf({ database: db }), topicOf({ database: db, collection: coll })],
      limits
    })
  }

  append(changes: ReadonlyArray<Recorded>, now: number): Edit {
    return this.#log.append(changes, now)
  }

  /** The position of a watcher: after the event of a resume token, or at the next one. */
  position(token: unknown): number {
    return token === undefined ? this.#log.head : this.#positionOf(token)
  }

  /** The changes of a collection, a database or all of them from a position on, without end. */
  changes(start: number, watched: Omit<Watched, "appId" | "service">): Stream.Stream<Changes, DatabaseError> {
    return Stream.concat(
      Stream.sync(() => ({ events: [], token: this.#token(start) })),
      this.#log.pages(start, topicOf(watched)).pipe(
        Stream.mapError(failureOf),
        Stream.map(({ entries, position }) => ({
          events: entries.map((it) => this.#eventOf(it)),
          token: this.#token(position)
        }))
      )
    )
  }

  #eventOf(entry: Entry<Recorded>): Document {
    let event = this.#made.get(entry)
    if (event === undefined) this.#made.set(entry, (event = this.#make(entry)))
    return event
  }

  #make({ event: { change, ns }, sequence, time }: Entry<Recorded>): Document {
    const { _id } = "document" in change ? change.document : change.before
    return {
      _id: this.#token(sequence, time),
      operationType: change.operationType,
      clusterTime: new Timestamp({ t: Math.floor(time / 1000), i: (time % 1000) + 1 }),
      // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
      wallTime: new Date(time),
      ...("document" in change && { fullDocument: change.document }),
      ns,
      documentKey: { _id },
      ...("description" in change && { updateDescription: { ...change.description } }),
      ...("before" in change && { fullDocumentBeforeChange: change.before })
    }
  }

  /** The token of a place: one block of a cipher, of the sequence, the log's name and the time of the event. */
  #token(sequence: number, time = this.#log.timeOf(sequence) ?? 0): Document {
    const block = Buffer.alloc(16)
    block.writeBigUInt64BE(BigInt(sequence))
    block.writeUInt32BE(this.#name, 8)
    block.writeUInt32BE(Math.floor(time / 1000) >>> 0, 12)
    const cipher = createCipheriv("aes-128-ecb", this.#key, null).setAutoPadding(false)
    return { _data: cipher.update(block).toString("hex").toUpperCase() }
  }

  #positionOf(token: unknown): number {
    const data = isDocument(token) ? token["_data"] : undefined
    if (typeof data !== "string" || !/^[0-9A-F]{32}$/i.test(data)) throw notFound()
    const decipher = createDecipheriv("aes-128-ecb", this.#key, null).setAutoPadding(false)
    const block = decipher.update(Buffer.from(data, "hex"))
    const sequence = Number(block.readBigUInt64BE())
    if (block.readUInt32BE(8) !== this.#name || sequence > this.#log.head) throw notFound()
    if (sequence < this.#log.start) throw historyLost()
    // data that was restored from a backup has other events in these places
    const time = this.#log.timeOf(sequence)
    if (time !== undefined && Math.floor(time / 1000) >>> 0 !== block.readUInt32BE(12)) throw notFound()
    return sequence
  }
}
