/** What the administration API tells about the activity of a server: its log, and figures of its requests. */
import * as Schema from "effect/Schema"

const optional = Schema.optionalKey
const levels = Schema.Literals(["debug", "info", "warning", "error"])

const common = {
  /** Grows by one with each entry. */
  seq: Schema.Int,
  /** In milliseconds since the epoch. */
  at: Schema.Finite,
  level: levels,
  app: optional(Schema.String),
  userId: optional(Schema.String),
  /** The id that a request, the lines that it caused, and the link of its error have in common. */
  logId: optional(Schema.String)
}

/** An answered request. It has neither query nor headers nor bodies. */
const RequestEntry = Schema.Struct({
  ...common,
  kind: Schema.Literal("request"),
  method: Schema.String,
  path: Schema.String,
  /** Absent if the client disconnected before the answer. */
  status: optional(Schema.Int),
  millis: Schema.Finite,
  /** The function, or the operation on documents, as the client named it. */
  call: optional(Schema.String),
  code: optional(Schema.String),
  address: optional(Schema.String)
})

/** A line that the server or a function wrote. */
const MessageEntry = Schema.Struct({
  ...common,
  kind: Schema.Literal("message"),
  /** With the stack of an error on further lines. */
  text: Schema.String,
  function: optional(Schema.String),
  trigger: optional(Schema.String)
})

/**
 * A request, or a line of the log.
 *
 * @category schemas
 * @since 0.2.0
 */
export const LogEntry = Schema.Union([RequestEntry, MessageEntry])

/**
 * The decoded form of {@link LogEntry}.
 *
 * @category models
 * @since 0.2.0
 */
export type LogEntry = typeof LogEntry.Type

/**
 * A part of the log.
 *
 * @category schemas
 * @since 0.2.0
 */
export const LogPart = Schema.Struct({
  /** Another one after a restart, whose entries count from 1 again. */
  run: Schema.String,
  entries: Schema.Array(LogEntry),
  /** Whether there are later entries already. */
  more: Schema.Boolean,
  /** Whether entries after the given one were evicted before they were read. */
  evicted: Schema.Boolean
})

/**
 * The decoded form of {@link LogPart}.
 *
 * @category models
 * @since 0.2.0
 */
export type LogPart = typeof LogPart.Type

const Bucket = Schema.Struct({
  /** The beginning, in milliseconds since the epoch. */
  at: Schema.Finite,
  requests: Schema.Int,
  /** Calls of functions and operations on documents. */
  calls: Schema.Int,
  /** Answers with a status of 400 to 499. */
  clientErrors: Schema.Int,
  /** Answers with a status from 500. */
  serverErrors: Schema.Int,
  /** The number of requests by their time: up to each of `boundaries`, and longer ones at the end. */
  latency: Schema.Array(Schema.Int)
})

/**
 * What happened in each ten seconds of the last hour, oldest first, without those in which nothing did; and what the
 * processes use now.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Figures = Schema.Struct({
  now: Schema.Finite,
  startedAt: Schema.Finite,
  bucketMillis: Schema.Int,
  /** In milliseconds. */
  boundaries: Schema.Array(Schema.Finite),
  buckets: Schema.Array(Bucket),
  /** The resident memory of the server's process, in bytes. */
  memory: Schema.Finite,
  /** The processes of functions, by application. */
  processes: Schema.Array(
    Schema.Struct({
      app: Schema.String,
      processes: Schema.Finite,
      running: Schema.Finite,
      waiting: Schema.Finite,
      memory: Schema.Finite
    })
  )
})

/**
 * The decoded form of {@link Figures}.
 *
 * @category models
 * @since 0.2.0
 */
export type Figures = typeof Figures.Type
