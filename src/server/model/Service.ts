/** A third-party service that functions of an application use. */
import type * as Redacted from "effect/Redacted"
import type { Gate } from "../data/Rules.ts"

/** A rule of a service: what allows actions. */
export interface ServiceRule {
  /** The names of actions: `send`, `ses:SendEmail`, or `s3:*`. */
  readonly actions: ReadonlyArray<string>
  /** A condition on the argument, `%%args`. */
  readonly when: Gate | undefined
}

/** A service as it is declared. */
export interface Service {
  readonly name: string
  /** `http`, `aws`, `aws-ses`, `twilio`, `gcm`, or one that is not supported. */
  readonly type: string
  readonly config: Readonly<Record<string, unknown>>
  /** The secrets by the name of the setting; those that were not supplied are absent. */
  readonly secrets: ReadonlyMap<string, Redacted.Redacted<unknown>>
  /** Without rules, functions may use every action. */
  readonly rules: ReadonlyArray<ServiceRule>
}

/** Whether a rule names an action. */
export const names = ({ actions }: ServiceRule, action: string): boolean =>
  actions.some((it) => it === action || it === "*" || (it.endsWith(":*") && action.startsWith(it.slice(0, -1))))
