/** Triggers of an application: functions that run by themselves when something happens. */
import type * as Cron from "effect/Cron"
import type { AppFunction } from "./AppFunction.ts"

interface Base {
  readonly name: string
  readonly fn: AppFunction
  /** A disabled trigger does not run. Its events are delivered when it is enabled again. */
  readonly disabled: boolean
}

/** Runs a function without arguments at the minutes of a schedule, in UTC. */
export interface ScheduledTrigger extends Base {
  readonly _tag: "Scheduled"
  readonly schedule: Cron.Cron
  /** Whether runs that were missed are skipped; otherwise the last one is made up for. */
  readonly skipsCatchup: boolean
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

/** Runs a function for change events of a collection, of a database or, without a database, of a whole data source. */
export interface DatabaseTrigger extends Base {
  readonly _tag: "Database"
  readonly service: string
  readonly database: string | undefined
  readonly collection: string | undefined
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
  /** Whether more events than usual are processed at the same time. */
  readonly maximumThroughput: boolean
  /** Whether events of the time in which the trigger was disabled or suspended are skipped. */
  readonly skipsCatchup: boolean
  /** Whether the trigger goes on with the next events if those after its position are lost; otherwise it is suspended. */
  readonly toleratesLoss: boolean
}

/** A trigger. */
export type Trigger = ScheduledTrigger | AuthenticationTrigger | DatabaseTrigger
