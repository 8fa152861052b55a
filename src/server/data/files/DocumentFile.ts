/**
 * Files of documents, read as streams: BSON as `mongodump` writes it, and Extended JSON as `mongoexport` does, one document
 * after the other or in an array, in canonical or relaxed form. At most one document and one part of the file are in memory.
 */
import { deserialize } from "bson"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ejson from "../../../protocol/internal/ejson.ts"
import { isDocument } from "../internal/bson.ts"
import type { Document } from "../Operation.ts"

/** A document of a file, or why there is none. */
export type Found =
  | { readonly place: string; readonly document: Document; readonly size: number }
  | { readonly place: string; readonly problem: string }

/** The formats of files. */
export type Format = "bson" | "json"

/** MongoDB's limit of a document, and what its own messages may have beyond it. */
const mostBytes = 16 * 2 ** 20 + 16 * 1024

/** Extended JSON is longer than the BSON of a document: a number of a few bytes has a wrapper. */
const mostCharacters = 8 * mostBytes

/** The first bytes of the archives of `mongodump --archive`. */
const archive = 0x8199e26d

/** Reads the documents of a file. A problem that hides where the next document begins is the last one. */
export const read =
  (format: Format) =>
  <E, R>(content: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Found, E, R> =>
    Stream.suspend(() => {
      const reader = format === "bson" ? new BsonReader() : new JsonReader()
      const parts = Stream.map(content, (chunk) => reader.read(chunk))
      return Stream.concat(parts, Stream.fromEffect(Effect.sync(() => reader.end()))).pipe(Stream.flattenIterable)
    })

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** Documents that each begin with their length. */
class BsonReader {
  /** The bytes that are not read yet. */
  #rest: Array<Uint8Array> = []
  #length = 0
  #offset = 0
  #hasFailed = false

  get #place(): string {
    return `offset ${this.#offset}`
  }

  *read(chunk: Uint8Array): Generator<Found> {
    if (this.#hasFailed || chunk.length === 0) return
    this.#rest.push(chunk)
    this.#length += chunk.length
    while (this.#length >= 4) {
      const size = this.#peek()
      const problem = this.#problemOf(size)
      if (problem !== undefined) {
        this.#hasFailed = true
        this.#rest = []
        yield { place: this.#place, problem }
        return
      }
      if (this.#length < size) return
      yield this.#take(size)
    }
  }

  *end(): Generator<Found> {
    if (this.#hasFailed || this.#length === 0) return
    yield { place: this.#place, problem: "the file ends in the middle of a document: it is incomplete" }
  }

  /** The length of the next document. */
  #peek(): number {
    if ((this.#rest[0]?.length ?? 0) < 4) this.#rest = [Buffer.concat(this.#rest)]
    const [first = new Uint8Array(4)] = this.#rest
    return new DataView(first.buffer, first.byteOffset).getInt32(0, true)
  }

  #problemOf(size: number): string | undefined {
    if (this.#offset === 0 && size >>> 0 === archive) {
      return "the file is an archive of mongodump --archive: dump into a folder, or restore it to MongoDB first"
    }
    return size < 5 || size > mostBytes
      ? `expected the length of a document, and found ${size}: the file is not BSON, or damaged from here on`
      : undefined
  }

  #take(size: number): Found {
    const whole = this.#rest.length === 1 ? (this.#rest[0] ?? new Uint8Array()) : Buffer.concat(this.#rest)
    this.#rest = whole.length === size ? [] : [whole.subarray(size)]
    this.#length -= size
    const place = this.#place
    this.#offset += size
    try {
      const bytes = whole.subarray(0, size)
      return { place, size, document: deserialize(bytes, bsonOptions) }
    } catch (cause) {
      return { place, problem: `is not BSON: ${messageOf(cause)}` }
    }
  }
}

/** Numbers keep their types, and regular expressions are those of MongoDB. */
const bsonOptions = { promoteValues: false, promoteLongs: false, bsonRegExp: true, validation: { utf8: true } } as const

/** What may be between documents: a list has brackets and commas. */
const between = /[\s,[\]]/

/** Values of JSON, one after the other or in an array, on any number of lines. */
class JsonReader {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true })
  /** The text of the document that has begun. */
  #text = ""
  #depth = 0
  #isString = false
  #isEscaped = false
  #line = 1
  #begun = 1
  #hasFailed = false

  #failed(problem: string): Found {
    this.#hasFailed = true
    this.#text = ""
    return { place: `line ${this.#depth > 0 ? this.#begun : this.#line}`, problem }
  }

  *read(chunk: Uint8Array): Generator<Found> {
    if (this.#hasFailed) return
    let text: string
    try {
      text = this.#decoder.decode(chunk, { stream: true })
    } catch {
      yield this.#failed("the file is not UTF-8")
      return
    }
    yield* this.#scan(text)
  }

  *end(): Generator<Found> {
    if (this.#hasFailed) return
    try {
      yield* this.#scan(this.#decoder.decode())
    } catch {
      yield this.#failed("the file is not UTF-8")
      return
    }
    if (this.#depth > 0) yield this.#failed("begins a document that does not end: the file is incomplete or damaged")
  }

  *#scan(text: string): Generator<Found> {
    let start = 0
    for (let i = 0; i < text.length; i++) {
      const char = text.charCodeAt(i)
      if (char === newline) this.#line++
      if (this.#depth === 0) {
        if (char === opening) {
          start = i
          this.#begun = this.#line
          this.#depth = 1
        } else if (!between.test(text.charAt(i))) {
          yield this.#failed(`expected a document, and found ${JSON.stringify(text.charAt(i))}`)
          return
        }
      } else if (this.#isString) {
        if (this.#isEscaped) this.#isEscaped = false
        else if (char === backslash) this.#isEscaped = true
        else if (char === quote) this.#isString = false
      } else if (char === quote) this.#isString = true
      else if (char === opening) this.#depth++
      else if (char === closing && --this.#depth === 0) {
        const whole = this.#text + text.slice(start, i + 1)
        this.#text = ""
        yield parsed(whole, `line ${this.#begun}`)
      }
    }
    if (this.#depth === 0) return
    this.#text += text.slice(start)
    if (this.#text.length > mostCharacters) yield this.#failed("begins a document that is too large, or does not end")
  }
}

const [newline, quote, backslash, opening, closing] = [10, 34, 92, 123, 125]

const parsed = (text: string, place: string): Found => {
  try {
    const document = ejson.reviveExact(hasRealNumber.test(text) ? withReals(text) : ejson.read(text))
    return isDocument(document)
      ? { place, document, size: text.length }
      : { place, problem: "is a value of Extended JSON, and not a document" }
  } catch (cause) {
    return { place, problem: ejson.describe(cause) }
  }
}

/** Perhaps a whole number that is written as a real one, as in `5.0`: in relaxed form it is a double. */
const hasRealNumber = /\d(?:\.\d*)?[eE]|\d\.0/

/** Parses with the text of each number. */
const withReals = (text: string): unknown => {
  const value: unknown = JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === "number" && Number.isInteger(value) && /[.eE]/.test(context?.source ?? "")
      ? { $numberDouble: String(value) }
      : value
  )
  ejson.checkNames(value)
  return value
}
