/**
 * An append-only log of events, of which the newest are kept: a queue for readers that each proceed at their own pace.
 *
 * Events are appended in the commit of what caused them. With a durable row store the log is on disk, and only its end is
 * in memory: a reader that lags behind reads pages from disk. Without one all of it is in memory.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { isRowStoreError, type RowChange, type RowStore, type RowStoreError } from "./RowStore.ts"
import type { Edit } from "./Table.ts"

/** How much of a log is kept. The oldest events are dropped when one of the limits is exceeded. */
export interface Limits {
  readonly events: number
  readonly bytes: number
  /** Events are dropped by their age at the earliest an hour after the server started. */
  readonly age: Duration.Duration
}

/** The limits of logs on disk. */
export const defaultLimits: Limits = { events: 100_000, bytes: 256 * 2 ** 20, age: Duration.days(7) }

/** The limits of a server's logs. */
export const CurrentLimits = Context.Reference<Limits>("effect-app-services/server/storage/EventLogLimits", {
  defaultValue: () => defaultLimits
})

/** A log in memory has these bytes at most. */
const mostBytesInMemory = 64 * 2 ** 20

/** The end of a log on disk that is in memory too: up to twice as much. */
const tail = { events: 1_000, bytes: 8 * 2 ** 20 }

/** The most that is read of a log at once. */
const page = { events: 256, bytes: 4 * 2 ** 20 }

/** A log is dropped in parts of this share of its limits. */
const parts = 16

/** An event in its place. */
export interface Entry<A> {
  readonly sequence: number
  /** In milliseconds since the epoch; not before that of earlier entries. */
  readonly time: number
  readonly event: A
}

/** A page of a log: the entries of a topic in a range of it. */
export interface Page<A> {
  readonly entries: ReadonlyArray<Entry<A>>
  /** The position after the range. */
  readonly position: number
}

/** What is kept of events, and who waits for them. */
export interface Options<A> {
  readonly table: string
  readonly encode: (event: A) => Uint8Array
  readonly decode: (bytes: Uint8Array) => A
  /** The approximate bytes of an event in memory. */
  readonly sizeOf: (event: A) => number
  /** The topics under which readers find an event. */
  readonly topicsOf: (event: A) => ReadonlyArray<string>
  readonly limits: Limits
}

/** The events after a position are no longer in the log. */
export class HistoryLost extends Schema.TaggedError<HistoryLost>("effect-app-services/server/storage/HistoryLost")(
  "HistoryLost",
  {}
) {}

/** Whether an exception is a {@link HistoryLost}. */
export const isHistoryLost = Schema.is(HistoryLost)

/** Consecutive entries, which are dropped together. */
interface Part {
  readonly first: number
  events: number
  bytes: number
  /** Of the newest entry. */
  time: number
}

interface Sized<A> extends Entry<A> {
  readonly size: number
}

const keyOf = (sequence: number): string => String(sequence).padStart(16, "0")

/** The bytes of a row: the time, then the event. */
const timed = (time: number, event: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(8 + event.length)
  new DataView(bytes.buffer).setFloat64(0, time)
  bytes.set(event, 8)
  return bytes
}

const timeOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0)

/** A log. Opening it reads its rows once; throws a `RowStoreError`. */
export class EventLog<A> {
  readonly #rowStore: RowStore["Service"]
  readonly #options: Options<A>
  readonly #limits: Limits
  readonly #parts: Array<Part> = []
  #events = 0
  #bytes = 0
  /** The newest entries, of consecutive sequences. */
  #tail: Array<Sized<A>> = []
  #tailBytes = 0
  #head = 0
  #time = 0
  #opened: number | undefined
  /** When all readers that waited were last woken, so that they know how far the log is. */
  #woken = { head: 0, time: 0, events: 0, bytes: 0 }
  readonly #waiting = new Map<string, Set<(position: number) => void>>()

  constructor(rowStore: RowStore["Service"], options: Options<A>) {
    this.#rowStore = rowStore
    this.#options = options
    const { limits, table } = options
    this.#limits = rowStore.keeps ? limits : { ...limits, bytes: Math.min(limits.bytes, mostBytesInMemory) }
    for (const { key, value } of rowStore.rowsAfter(table, "")) {
      this.#count({ sequence: Number(key), time: timeOf(value), size: value.length })
    }
  }

  /** The position of the newest event; 0 before the first one. */
  get head(): number {
    return this.#head
  }

  /** The position before the oldest event that is kept. */
  get start(): number {
    return (this.#parts[0]?.first ?? this.#head + 1) - 1
  }

  /** The bytes that are kept on disk or, without a durable row store, in memory. */
  get bytes(): number {
    return this.#bytes
  }

  /** The bytes that are kept in memory. */
  get bytesInMemory(): number {
    return this.#tailBytes
  }

  #count({ sequence, size, time }: Pick<Sized<A>, "sequence" | "time" | "size">): void {
    const last = this.#parts.at(-1)
    const isFull =
      last === undefined || last.events >= this.#limits.events / parts || last.bytes >= this.#limits.bytes / parts
    if (isFull) this.#parts.push({ first: sequence, events: 1, bytes: size, time })
    else {
      last.events++
      last.bytes += size
      last.time = time
    }
    this.#events++
    this.#bytes += size
    this.#head = sequence
    this.#time = time
  }

  /** Appends events in the commit of the edit. At most one edit of a log may be pending. */
  append(events: ReadonlyArray<A>, now: number): Edit {
    const { encode, sizeOf, table } = this.#options
    const time = Math.max(now, this.#time)
    const added: Array<Sized<A>> = []
    const rows: Array<RowChange> = []
    for (const [i, event] of events.entries()) {
      const sequence = this.#head + 1 + i
      if (this.#rowStore.keeps) {
        const value = timed(time, encode(event))
        rows.push({ table, key: keyOf(sequence), value })
        added.push({ sequence, time, event, size: value.length })
      } else added.push({ sequence, time, event, size: sizeOf(event) })
    }
    const dropped = this.#overdue(added, now)
    const through = this.#parts[dropped]?.first ?? this.#head + 1
    if (dropped > 0) rows.push({ table, through: keyOf(through - 1) })
    return {
      changes: () => rows,
      apply: () => {
        this.#opened ??= now
        this.#drop(dropped)
        for (const entry of added) {
          this.#count(entry)
          this.#tail.push(entry)
          this.#tailBytes += entry.size
        }
        this.#trim()
        this.#wake(added, now)
      }
    }
  }

  /** The number of parts to drop, so that the limits hold with some more entries; the newest part always stays. */
  #overdue(added: ReadonlyArray<Sized<A>>, now: number): number {
    let events = this.#events + added.length
    let bytes = this.#bytes + added.reduce((sum, { size }) => sum + size, 0)
    const oldest = now - Duration.toMillis(this.#limits.age)
    // readers that wait have learned of the position up to which events are dropped by age
    const byAge = this.#opened !== undefined && now - this.#opened >= 3_600_000 && now - this.#woken.time >= 1_000
    let count = 0
    for (const [i, part] of this.#parts.slice(0, -1).entries()) {
      const isOver = events > this.#limits.events || bytes > this.#limits.bytes
      const next = this.#parts[i + 1]
      const isOld = byAge && part.time < oldest && next !== undefined && next.first <= this.#woken.head + 1
      if (!isOver && !isOld) break
      events -= part.events
      bytes -= part.bytes
      count++
    }
    return count
  }

  #drop(count: number): void {
    for (const { bytes, events } of this.#parts.splice(0, count)) {
      this.#events -= events
      this.#bytes -= bytes
    }
  }

  #trim(): void {
    const [oldest] = this.#tail
    const start = this.#rowStore.keeps ? 0 : this.start
    let drop = oldest === undefined ? 0 : Math.max(0, start + 1 - oldest.sequence)
    if (this.#rowStore.keeps && (this.#tail.length > 2 * tail.events || this.#tailBytes > 2 * tail.bytes)) {
      let bytes = this.#tailBytes
      while (this.#tail.length - drop > tail.events || bytes > tail.bytes) bytes -= this.#tail[drop++]?.size ?? 0
    }
    for (const { size } of this.#tail.splice(0, drop)) this.#tailBytes -= size
  }

  #wake(added: ReadonlyArray<Sized<A>>, now: number): void {
    const before = new Map<string, number>()
    let known: ReadonlyArray<string> = []
    for (const { event, sequence, size } of added) {
      this.#woken.events++
      this.#woken.bytes += size
      const topics = this.#options.topicsOf(event)
      if (topics === known) continue
      known = topics
      for (const topic of topics) if (!before.has(topic)) before.set(topic, sequence - 1)
    }
    for (const [topic, position] of before) this.#resume(topic, position)
    const { bytes, events, time } = this.#woken
    const { limits } = this.#options
    if (events < limits.events / parts && bytes < this.#limits.bytes / parts && now - time < 60_000) return
    this.#woken = { head: this.#head, time: now, events: 0, bytes: 0 }
    for (const topic of Array.from(this.#waiting.keys())) this.#resume(topic, this.#head)
  }

  #resume(topic: string, position: number): void {
    const waiting = this.#waiting.get(topic)
    if (waiting === undefined) return
    this.#waiting.delete(topic)
    for (const resume of waiting) resume(position)
  }

  /**
   * Waits until there are events after a position; answers with a position that is followed by them: up to there is none
   * of the topic. From time to time it answers without an event, so that a reader that waits long knows how far the log is.
   */
  arrival(after: number, topic: string): Effect.Effect<number> {
    return Effect.callback<number>((resume) => {
      if (after < this.#head) return resume(Effect.succeed(after))
      // it goes on after the commit, and not in the midst of it
      const wake = (position: number) => resume(Effect.as(Effect.yieldNow, position))
      const waiting = this.#waiting.get(topic) ?? new Set()
      this.#waiting.set(topic, waiting.add(wake))
      return Effect.sync(() => {
        waiting.delete(wake)
        if (waiting.size === 0 && this.#waiting.get(topic) === waiting) this.#waiting.delete(topic)
      })
    })
  }

  /** The next entries of a topic after a position; throws `HistoryLost`, or a `RowStoreError`. */
  read(after: number, topic: string): Page<A> {
    if (after < this.start) throw new HistoryLost()
    const entries: Array<Entry<A>> = []
    let position = after
    let events = 0
    let bytes = 0
    for (const entry of this.#from(after)) {
      position = entry.sequence
      events++
      if (this.#options.topicsOf(entry.event).includes(topic)) {
        entries.push(entry)
        bytes += entry.size
      }
      if (entries.length >= page.events || events >= 4 * page.events || bytes >= page.bytes) break
    }
    return { entries, position }
  }

  /** The pages of a topic after a position, without end. */
  pages(after: number, topic: string): Stream.Stream<Page<A>, HistoryLost | RowStoreError> {
    return Stream.unfold(after, (position) =>
      Effect.flatMap(this.arrival(position, topic), (from) =>
        Effect.suspend(() => {
          try {
            const page = this.read(from, topic)
            return Effect.succeed([page, page.position] as const)
          } catch (cause) {
            return isHistoryLost(cause) || isRowStoreError(cause) ? Effect.fail(cause) : Effect.die(cause)
          }
        })
      )
    )
  }

  /** The time of the entry of a sequence; `undefined` where there is none. Throws a `RowStoreError`. */
  timeOf(sequence: number): number | undefined {
    if (sequence <= this.start || sequence > this.#head) return undefined
    for (const { time } of this.#from(sequence - 1)) return time
    return undefined
  }

  *#from(after: number): Generator<Sized<A>> {
    const [oldest] = this.#tail
    if (oldest !== undefined && oldest.sequence <= after + 1) {
      for (let i = after + 1 - oldest.sequence; i < this.#tail.length; i++) {
        const entry = this.#tail[i]
        if (entry !== undefined) yield entry
      }
      return
    }
    for (const { key, value } of this.#rowStore.rowsAfter(this.#options.table, keyOf(after))) {
      const event = this.#options.decode(value.subarray(8))
      yield { sequence: Number(key), time: timeOf(value), event, size: value.length }
    }
  }
}
