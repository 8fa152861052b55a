/**
 * The messages of MongoDB's wire protocol: OP_MSG, and OP_QUERY for the handshake of older drivers.
 *
 * A message is a header of four 32-bit integers (its length, its id, the id that it replies to, its kind) and a body. All
 * integers are little-endian.
 */
import { deserialize, serialize } from "bson"
import * as Schema from "effect/Schema"
import { define, isDocument } from "../../data/internal/bson.ts"
import type { Document } from "../../data/Operation.ts"

/** The largest message, as `hello` announces it. */
export const largestMessage = 48_000_000

/** The largest message of a client that has not authenticated. */
export const largestGreeting = 64 * 1024

const headerSize = 16

const opcodes = { reply: 1, query: 2004, message: 2013 } as const

const flags = { checksumPresent: 1, moreToCome: 2 } as const

/** The low 16 bits of the flags are required: a receiver has to understand every one that is set. */
const requiredFlags = 0xffff

/** What arrives is not a message of the protocol: the connection cannot go on. */
export class Malformed extends Schema.TaggedError<Malformed>()("Malformed", { message: Schema.String }) {}

/** A command that a client sends. */
export interface Message {
  readonly id: number
  /** Whether it came as OP_QUERY, and is answered with OP_REPLY. */
  readonly legacy: boolean
  /** Whether the client waits for no reply. */
  readonly silent: boolean
  /** The command; an error where its BSON is invalid. */
  readonly body: Document | Error
}

/** Collects the bytes of a connection, and splits them into messages. */
export class Frames {
  #chunks: Array<Buffer> = []
  /** How many bytes wait. */
  size = 0

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.size += chunk.length
  }

  /** The next whole message, or `undefined` until more bytes arrive. Throws `Malformed` for a wrong or too large length. */
  next(largest: number): Buffer | undefined {
    if (this.size < 4) return undefined
    const length = this.#joined(4).readInt32LE(0)
    if (length < headerSize || length > largest) {
      throw new Malformed({ message: `a message of ${length} bytes: expected ${headerSize} to ${largest}` })
    }
    if (this.size < length) return undefined
    const all = this.#joined(length)
    this.#chunks = all.length === length ? [] : [all.subarray(length)]
    this.size -= length
    return all.subarray(0, length)
  }

  /** The first chunk, made so large that it has this many bytes. */
  #joined(least: number): Buffer {
    const [first] = this.#chunks
    if (first !== undefined && first.length >= least) return first
    const all = Buffer.concat(this.#chunks, this.size)
    this.#chunks = [all]
    return all
  }
}

/** Reads the body of a message from its start to its end. */
class Reader {
  readonly #bytes: Buffer
  #at = headerSize
  #end: number

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.#end = bytes.length
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end
  }

  get position(): number {
    return this.#at
  }

  /** Leaves the last bytes unread. */
  dropLast(count: number): void {
    this.#end -= count
  }

  byte(): number {
    return this.#take(1).readUInt8(0)
  }

  int32(): number {
    return this.#take(4).readInt32LE(0)
  }

  /** A string that ends with a zero byte. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at)
    if (end === -1 || end >= this.#end) throw new Malformed({ message: "a string without an end" })
    const text = this.#bytes.toString("utf8", this.#at, end)
    this.#at = end + 1
    return text
  }

  /** The bytes of a BSON document. */
  document(): Buffer {
    const size = this.#take(4).readInt32LE(0)
    this.#at -= 4
    if (size < 5) throw new Malformed({ message: `a document of ${size} bytes` })
    return this.#take(size)
  }

  #take(count: number): Buffer {
    if (this.#at + count > this.#end) throw new Malformed({ message: "a message that ends too early" })
    const taken = this.#bytes.subarray(this.#at, this.#at + count)
    this.#at += count
    return taken
  }
}

/** Numbers keep their types, and regular expressions are those of MongoDB. */
const decode = (bytes: Buffer): Document =>
  deserialize(bytes, { promoteValues: false, promoteLongs: false, bsonRegExp: true })

const bodyOf = (read: () => Document): Document | Error => {
  try {
    return read()
  } catch (cause) {
    return cause instanceof Error ? cause : new Malformed({ message: "invalid BSON" })
  }
}

/** Reads a whole message. Throws `Malformed` if it does not contain a command. */
export const parse = (bytes: Buffer): Message => {
  const id = bytes.readInt32LE(4)
  const opcode = bytes.readInt32LE(12)
  const reader = new Reader(bytes)
  switch (opcode) {
    case opcodes.message:
      return { id, ...parseMessage(reader) }
    case opcodes.query:
      return { id, ...parseQuery(reader) }
    default:
      throw new Malformed({ message: `the opcode ${opcode} is not supported: expected OP_MSG (${opcodes.message})` })
  }
}

const parseMessage = (reader: Reader): Omit<Message, "id"> => {
  const bits = reader.int32()
  const unknown = bits & requiredFlags & ~(flags.checksumPresent | flags.moreToCome)
  if (unknown !== 0) throw new Malformed({ message: `unknown required flags ${unknown} of OP_MSG` })
  if ((bits & flags.checksumPresent) !== 0) reader.dropLast(4)
  let body: Buffer | undefined
  const sequences: Array<readonly [name: string, documents: ReadonlyArray<Buffer>]> = []
  while (!reader.isAtEnd) {
    const kind = reader.byte()
    if (kind === 0 && body === undefined) body = reader.document()
    else if (kind === 1) sequences.push(parseSequence(reader))
    else throw new Malformed({ message: `an unexpected section of kind ${kind} in OP_MSG` })
  }
  if (body === undefined) throw new Malformed({ message: "OP_MSG without a body" })
  const main = body
  return {
    legacy: false,
    silent: (bits & flags.moreToCome) !== 0,
    body: bodyOf(() => {
      const document = decode(main)
      for (const [name, documents] of sequences) define(document, name, documents.map(decode))
      return document
    })
  }
}

/** A list of documents that belongs to the command as a field. */
const parseSequence = (reader: Reader): readonly [name: string, documents: ReadonlyArray<Buffer>] => {
  const start = reader.position
  const end = start + reader.int32()
  const name = reader.text()
  const documents: Array<Buffer> = []
  while (reader.position < end) documents.push(reader.document())
  if (reader.position !== end) throw new Malformed({ message: `the sequence "${name}" has another size than it says` })
  return [name, documents]
}

/** Commands in OP_QUERY ask the collection `$cmd` of a database. */
const parseQuery = (reader: Reader): Omit<Message, "id"> => {
  reader.int32()
  const namespace = reader.text()
  reader.int32()
  reader.int32()
  const query = reader.document()
  if (!namespace.endsWith(".$cmd")) throw new Malformed({ message: "OP_QUERY is supported for the handshake only" })
  const $db = namespace.slice(0, -".$cmd".length)
  return {
    legacy: true,
    silent: false,
    body: bodyOf(() => {
      const document = decode(query)
      const inner = document["$query"]
      return { ...(isDocument(inner) ? inner : document), $db }
    })
  }
}

let replies = 0

/** Encodes the reply to a message. */
export const encode = ({ id, legacy }: Pick<Message, "id" | "legacy">, body: Document): Buffer => {
  const document = serialize(body)
  const prefix = legacy ? 36 : headerSize + 5
  const bytes = Buffer.alloc(prefix + document.length)
  bytes.writeInt32LE(bytes.length, 0)
  bytes.writeInt32LE((replies = (replies + 1) | 0), 4)
  bytes.writeInt32LE(id, 8)
  bytes.writeInt32LE(legacy ? opcodes.reply : opcodes.message, 12)
  // OP_REPLY: flags, a cursor's id, where the first document is in its results, and the number of documents
  if (legacy) bytes.writeInt32LE(1, 32)
  bytes.set(document, prefix)
  return bytes
}
