/** The whole outside world of the language: the clock, chance, new ids, other collections and the values of the caller. */
import type { ObjectId } from "bson"
import type { Collation } from "./Collation.ts"
import type { Conditions } from "./Conditions.ts"
import type { Document, Value } from "./Value.ts"

/** A collection that a stage reads beside its own. */
export interface CollectionTarget {
  /** The database, where the stage names one; the operation's own otherwise. */
  readonly database?: string | undefined
  readonly collection: string
}

/**
 * What an operation may ask from outside. The language itself has no clock, no randomness and no storage: an operation
 * with the same environment and the same documents has the same result.
 */
export interface Environment {
  /** The time of the operation: `$$NOW`, the same for all its documents. */
  readonly now: Date
  /** A number from 0 (inclusive) to 1 (exclusive): `$rand`, `$sampleRate`, `$sample`. */
  readonly random: () => number
  /** A new id: `_id` of an upserted document, `$createObjectId`. */
  readonly objectId: () => ObjectId
  /**
   * The documents of another collection: `$lookup`, `$graphLookup`, `$unionWith`. Those that do not fulfil the conditions
   * may be left out.
   */
  readonly collection: (target: CollectionTarget, conditions?: Conditions) => Iterable<Document>
  /**
   * Finds the documents of another collection with one of several values at a path, none of which is an array, by an index;
   * null stands for a missing value too. It may find more. `undefined` if there is no index.
   */
  readonly search?: (
    target: CollectionTarget,
    path: string
  ) => ((values: ReadonlyArray<Value>) => Iterable<Document>) | undefined
  /** The variables of the operation's own `let`, by name, with values that are already computed. */
  readonly variables?: Document | undefined
  /** How values are compared: strings by their bytes, by default. */
  readonly collation?: Collation | undefined
  /** The roles of the caller: `$$USER_ROLES`. */
  readonly userRoles?: Value
}
