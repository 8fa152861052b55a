/**
 * The recent activity of a server, for its administration: the newest requests and lines of the log, and counts of requests
 * over the last hour. Everything is in memory and bounded, and nothing runs between requests.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import { CurrentRequest } from "../model/CurrentRequest.ts"
import { isAdministration, isReading } from "./AdminAccess.ts"
import type { Figures, LogEntry, LogPart } from "./ActivityModels.ts"
import type * as RequestLog from "./RequestLog.ts"

/** How much is kept. */
export interface Limits {
  readonly entries: number
  /** Of the texts of entries, in characters; each entry counts a little more. */
  readonly characters: number
}

const defaultLimits: Limits = { entries: 10_000, characters: 4 * 1024 * 1024 }

/** What an entry counts beside its texts. */
const overhead = 200

/** The longest text of one entry. */
const longest = 16 * 1024

/** In milliseconds. */
const bucketMillis = 10_000
const mostBuckets = 360
const boundaries = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 90_000]

interface Bucket {
  readonly at: number
  requests: number
  calls: number
  clientErrors: number
  serverErrors: number
  readonly latency: Array<number>
}

/** An entry without what the log adds to it. */
type Draft = LogEntry extends infer Entry ? (Entry extends LogEntry ? Omit<Entry, "seq"> : never) : never

/** The shape of {@link ActivityLog}. */
export interface Service {
  /** Adds a request. Those of the administration itself are left out where they only read. */
  readonly record: (request: RequestLog.Entry) => void
  /** Adds the lines of a log. */
  readonly logger: Logger.Logger<unknown, void>
  /** The entries after one, oldest first: at most `limit`. */
  readonly read: (after: number, limit: number) => LogPart
  /** The lines that a request caused. */
  readonly linesOf: (logId: string) => ReadonlyArray<LogEntry>
  /** The requests that are kept. */
  readonly requests: () => ReadonlyArray<Extract<LogEntry, { readonly kind: "request" }>>
  /** What happened in the last hour. */
  readonly counts: (now: number) => Pick<Figures, "startedAt" | "bucketMillis" | "boundaries" | "buckets">
}

/** The recent activity of a server. */
export class ActivityLog extends Context.Service<ActivityLog, Service>()("effect-app-services/server/api/ActivityLog") {
  /** Creates an empty log. `run` tells it from those of other starts. */
  static readonly make = (startedAt: number, limits: Limits = defaultLimits): Service => {
    const kept = new Kept(limits)
    const counts = new Counts()
    const run = startedAt.toString(36)
    return {
      record: (request) => {
        if (!isAdministration(request.path)) counts.add(request)
        if (!isReading(request)) kept.add(request)
      },
      logger: Logger.make((options) => kept.add(lineOf(options))),
      read: (after, limit) => {
        const later = kept.after(after)
        const entries = later.slice(0, limit)
        const [first] = entries
        return {
          run,
          entries,
          more: later.length > entries.length,
          evicted: first !== undefined && first.seq > after + 1
        }
      },
      linesOf: (logId) => kept.after(0).filter((entry) => entry.kind === "message" && entry.logId === logId),
      requests: () => kept.after(0).filter((entry) => entry.kind === "request"),
      counts: (now) => ({
        startedAt,
        bucketMillis,
        boundaries,
        buckets: counts.since(now - bucketMillis * mostBuckets)
      })
    }
  }
}

/** What is kept of an entry: of a request what the log of requests gets, because each call has one and few are read. */
type Item = Draft | RequestLog.Entry

/** The newest entries, within limits. */
class Kept {
  readonly #limits: Limits
  readonly #sizes: Array<number> = []
  readonly #items: Array<Item> = []
  /** The entries before it are evicted, and removed from the arrays from time to time. */
  #first = 0
  #size = 0
  #seq = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  add(item: Item): void {
    const size = sizeOf(item)
    this.#items.push(item)
    this.#sizes.push(size)
    this.#seq++
    this.#size += size
    while (this.#size > this.#limits.characters || this.#items.length - this.#first > this.#limits.entries) {
      this.#size -= this.#sizes[this.#first++] ?? 0
    }
    if (this.#first >= 1_000 && this.#first * 2 > this.#items.length) {
      this.#items.splice(0, this.#first)
      this.#sizes.splice(0, this.#first)
      this.#first = 0
    }
  }

  /** The entries after one. */
  after(seq: number): ReadonlyArray<LogEntry> {
    const count = Math.max(0, Math.min(this.#items.length - this.#first, this.#seq - seq))
    const first = this.#seq - count + 1
    return this.#items.slice(this.#items.length - count).map((item, index) => entryOf(item, first + index))
  }
}

/** Counts by time. */
class Counts {
  readonly #buckets: Array<Bucket> = []

  add({ at, call, millis, status }: RequestLog.Entry): void {
    const bucket = this.#at(Math.floor(at / bucketMillis) * bucketMillis)
    bucket.requests++
    if (call !== undefined) bucket.calls++
    if (status !== undefined && status >= 400) {
      if (status < 500) bucket.clientErrors++
      else bucket.serverErrors++
    }
    const place = boundaries.findIndex((boundary) => millis <= boundary)
    const index = place === -1 ? boundaries.length : place
    bucket.latency[index] = (bucket.latency[index] ?? 0) + 1
  }

  #at(at: number): Bucket {
    const last = this.#buckets.at(-1)
    // a clock that was set back counts in the newest one
    if (last !== undefined && last.at >= at) return last
    const added = {
      at,
      requests: 0,
      calls: 0,
      clientErrors: 0,
      serverErrors: 0,
      latency: Array.from({ length: boundaries.length + 1 }, () => 0)
    }
    if (this.#buckets.push(added) > mostBuckets) this.#buckets.shift()
    return added
  }

  since(at: number): ReadonlyArray<Bucket> {
    return this.#buckets.filter((bucket) => bucket.at >= at)
  }
}

const entryOf = (item: Item, seq: number): LogEntry => ({ ...("kind" in item ? item : draftOf(item)), seq })

const sizeOf = (item: Item): number =>
  overhead + ("text" in item ? item.text.length : item.path.length + (item.call?.length ?? 0))

const shortened = (text: string): string => (text.length > longest ? `${text.slice(0, longest)} ...` : text)

const draftOf = ({
  address,
  app,
  at,
  call,
  code,
  logId,
  method,
  millis,
  path,
  status,
  userId
}: RequestLog.Entry): Draft => ({
  kind: "request",
  at,
  level: status === undefined || status < 400 ? "info" : status < 500 ? "warning" : "error",
  method,
  path: shortened(path),
  millis,
  ...(status !== undefined && { status }),
  ...(app !== undefined && { app }),
  ...(userId !== undefined && { userId }),
  ...(call !== undefined && { call: shortened(call) }),
  ...(code !== undefined && { code }),
  ...(address !== undefined && { address }),
  ...(logId !== undefined && { logId })
})

const levelOf = (level: LogLevel.LogLevel): LogEntry["level"] => {
  switch (level) {
    case "Fatal":
    case "Error":
      return "error"
    case "Warn":
      return "warning"
    case "Info":
      return "info"
    default:
      return "debug"
  }
}

const textOf = (part: unknown): string =>
  typeof part === "string" ? part : part instanceof Error ? part.message : (JSON.stringify(part) ?? String(part))

const lineOf = ({ cause, date, fiber, logLevel, message }: Logger.Options<unknown>): Draft => {
  const annotations = fiber.getRef(References.CurrentLogAnnotations)
  const request = fiber.getRef(CurrentRequest)
  const text = [message].flat().map(textOf).join(" ")
  const known = {
    app: annotations["app"],
    userId: annotations["user"] ?? request?.subject.userId,
    logId: annotations["logId"] ?? request?.logId,
    function: annotations["function"],
    trigger: annotations["trigger"]
  }
  const facts = Object.fromEntries(Object.entries(known).filter(([, value]) => typeof value === "string"))
  return {
    kind: "message",
    at: date.getTime(),
    level: levelOf(logLevel),
    text: shortened(cause.reasons.length === 0 ? text : `${text}\n${Cause.pretty(cause)}`),
    ...facts
  }
}
