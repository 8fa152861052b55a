/** Triggers of an application: functions that run by themselves when something happens. */
import type * as Cron from "effect/Cron"
import type { AppFunction } from "./AppFunction.ts"

interface Base {
  readonly name: string
  readonly fn: AppFunction
}

/** Runs a function without arguments at the minutes of a schedule, in UTC. */
export interface ScheduledTrigger extends Base {
  readonly _tag: "Scheduled"
  readonly schedule: Cron.Cron
}

/** What a user's account goes through. */
export type AuthenticationOperation = "CREATE" | "LOGIN" | "DELETE"

/** Runs a function when users of some providers are created, log in, or are deleted. */
export interface AuthenticationTrigger extends Base {
  readonly _tag: "Authentication"
  readonly operations: ReadonlySet<AuthenticationOperation>
  /** Provider types. */
  readonly providers: ReadonlySet<string>
}

/** Runs a function for change events of a collection. */
export interface DatabaseTrigger extends Base {
  readonly _tag: "Database"
  readonly service: string
  readonly database: string
  readonly collection: string
  /** As in the field `operationType` of events: `"insert"`, `"update"`, `"replace"`, `"delete"`. */
  readonly operations: ReadonlySet<string>
  /** A filter of events. */
  readonly match: Readonly<Record<string, unknown>>
  /** A projection of events; without fields, functions get whole events. */
  readonly project: Readonly<Record<string, unknown>>
  /** Whether events of updates have the document as it is when the function is called. */
  readonly fullDocument: boolean
  /** Whether events have the document as it was before the change. */
  readonly fullDocumentBeforeChange: boolean
  /** Whether events are processed at the same time, instead of one after the other. */
  readonly unordered: boolean
}

/** A trigger. */
export type Trigger = ScheduledTrigger | AuthenticationTrigger | DatabaseTrigger
