/** The Data API of an application: operations on documents over HTTP, without a function. */
import type { AppFunction } from "./AppFunction.ts"
import type { Endpoint } from "./Endpoint.ts"

/** Its settings. */
export interface DataApi extends Pick<Endpoint, "validation" | "returnType" | "fetchesCustomData" | "createsUsers"> {
  /** The versions in paths: `v1`, `beta`. */
  readonly versions: ReadonlySet<string>
  /** As whom operations run, and the rule about who may call them. */
  readonly access: Pick<AppFunction, "closed" | "gate" | "runAs">
}
