/** The newest changes of a data source, as MongoDB's oplog; each watcher reads them at its own pace. */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from "node:crypto"
import { crc32 } from "node:zlib"
import { Binary, deserialize, serialize, Timestamp } from "bson"
import * as Stream from "effect/Stream"
import { type Describe, describe as between, type UpdateDescription } from "../../language/Update.ts"
import { isDocument } from "../../language/Value.ts"
import { type Entry, EventLog, isHistoryLost, type Limits } from "../../storage/EventLog.ts"
import type { RowStore } from "../../storage/RowStore.ts"
import type { Edit } from "../../storage/Table.ts"
import { DatabaseError } from "../DatabaseError.ts"
import { asError } from "../internal/failures.ts"
import type { Changes, Document, Namespace, Watched } from "../Operation.ts"
import * as Rows from "./rows.ts"

/** The collection of changes, as events name it, and the topics under which watchers find them. */
export interface Origin {
  readonly ns: { readonly db: string; readonly coll: string }
  readonly topics: ReadonlyArray<string>
}

/** A change of a document, without its place in the log. */
export interface Change {
  readonly origin: Origin
  /** `undefined` for an insertion. */
  readonly before: Document | undefined
  /** `undefined` for a deletion. */
  readonly document: Document | undefined
  /** Describes an update when its event is read: many events never are. */
  readonly describe: Describe | undefined
  /** The bytes of the document, or of the deleted one. */
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

/** The origin of a collection's changes. */
export const originOf = ({ collection, database }: Pick<Namespace, "database" | "collection">): Origin => ({
  ns: { db: database, coll: collection },
  topics: ["", topicOf({ database }), topicOf({ database, collection })]
})

const binary = (document: Document): Binary => new Binary(Rows.encode(document))

type Kind = "insert" | "update" | "replace" | "delete"

const kindOf = ({ before, describe, document }: Change): Kind =>
  before === undefined ? "insert" : document === undefined ? "delete" : describe === undefined ? "replace" : "update"

const descriptionOf = ({ before, describe, document }: Change): UpdateDescription | undefined =>
  before && document && describe?.(before, document)

/** The description of an update is missing if MongoDB tells a replacement instead. */
const encode = (change: Change): Uint8Array => {
  const { before, document, origin } = change
  const description = descriptionOf(change)
  return serialize({
    op: kindOf(change),
    db: origin.ns.db,
    coll: origin.ns.coll,
    ...(document !== undefined && { doc: binary(document) }),
    ...(before !== undefined && { was: binary(before) }),
    ...(description !== undefined && { ud: binary({ ...description }) })
  })
}

const read = (value: unknown): Document => {
  if (value instanceof Binary) return Rows.decodeAny(value.buffer.subarray(0, value.position))
  throw new Error("the row is not a change")
}

const readDescription = (value: unknown): UpdateDescription => {
  const { removedFields, truncatedArrays, updatedFields } = read(value)
  return {
    updatedFields: isDocument(updatedFields) ? updatedFields : {},
    removedFields: Array.isArray(removedFields) ? removedFields : [],
    truncatedArrays: Array.isArray(truncatedArrays) ? truncatedArrays : []
  }
}

const decode = (bytes: Uint8Array): Change => {
  const { coll, db, doc, op, ud, was }: Document = deserialize(bytes, { promoteBuffers: false })
  const description = ud === undefined ? undefined : readDescription(ud)
  return {
    origin: originOf({ database: String(db), collection: String(coll) }),
    before: op === "insert" ? undefined : read(was),
    document: op === "delete" ? undefined : read(doc),
    describe: op === "update" ? () => description : undefined,
    size: bytes.length
  }
}

export class ChangeLog {
  readonly #log: EventLog<Change>
  readonly #key: KeyObject
  readonly #name: number
  /** Each event is made once, for all of its watchers. */
  readonly #made = new WeakMap<Change, Document>()

  /** Opens the log of a data source, by its name. */
  constructor(rowStore: RowStore["Service"], name: string, key: Uint8Array, limits: Limits) {
    // made once: that costs more than a token
    this.#key = createSecretKey(key)
    this.#name = crc32(name)
    this.#log = new EventLog(rowStore, {
      table: `changes/${name}`,
      encode,
      decode,
      sizeOf: ({ before, document, size }) => (before === undefined || document === undefined ? size : 2 * size),
      topicsOf: ({ origin }) => origin.topics,
      limits
    })
  }

  append(changes: ReadonlyArray<Change>, now: number): Edit {
    return this.#log.append(changes, now)
  }

  /** The position of a watcher: after the event of a resume token, or at the next one. */
  position(token: unknown): number {
    return token === undefined ? this.#log.head : this.#positionOf(token)
  }

  /** The changes of a collection, a database or all of them from a position on, without end. */
  changes(
    start: number,
    watched: Omit<Watched, "appId" | "service">,
    describeAll: boolean
  ): Stream.Stream<Changes, DatabaseError> {
    return Stream.concat(
      Stream.sync(() => ({ events: [], token: this.#token(start) })),
      this.#log.pages(start, topicOf(watched)).pipe(
        Stream.mapError(failureOf),
        Stream.map(({ entries, position }) => ({
          events: entries.map((it) => this.#eventOf(it, describeAll)),
          token: this.#token(position)
        }))
      )
    )
  }

  #eventOf(entry: Entry<Change>, describeAll: boolean): Document {
    let event = this.#made.get(entry.event)
    if (event === undefined) this.#made.set(entry.event, (event = this.#make(entry, descriptionOf(entry.event))))
    const { before, document } = entry.event
    if (!describeAll || event["operationType"] === kindOf(entry.event) || !before || !document) return event
    return this.#make(entry, between(before, document))
  }

  #make({ event: change, sequence, time }: Entry<Change>, description: UpdateDescription | undefined): Document {
    const { before, document, origin } = change
    const kind = kindOf(change)
    return {
      _id: this.#token(sequence, time),
      operationType: kind === "update" && description === undefined ? "replace" : kind,
      clusterTime: new Timestamp({ t: Math.floor(time / 1000), i: (time % 1000) + 1 }),
      // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
      wallTime: new Date(time),
      ...(document !== undefined && { fullDocument: document }),
      ns: origin.ns,
      documentKey: { _id: (document ?? before)?.["_id"] },
      ...(description !== undefined && { updateDescription: { ...description } }),
      ...(before !== undefined && { fullDocumentBeforeChange: before })
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
