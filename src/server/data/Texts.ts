/**
 * Decodes and encodes the Extended JSON of clients. Large texts wait for their turn, and exceeding the time limit fails.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import { EjsonError } from "../../protocol/Ejson.ts"
import * as ejson from "../../protocol/internal/ejson.ts"
import * as plainJson from "../../protocol/internal/plainJson.ts"
import * as Steps from "./internal/steps.ts"
import * as Weights from "./internal/weights.ts"

const failure = (cause: unknown) => new EjsonError({ message: ejson.describe(cause) })

/** The units of a text that takes less time than counting it against the budget of an operation: about 16 KB. */
const mostUncounted = 1_000

const step = <A>(units: number, compute: () => A): Effect.Effect<A, EjsonError> =>
  units <= mostUncounted
    ? Effect.try({ try: compute, catch: failure })
    : Steps.step({ cost: units, units, timed: !Steps.isCheap(units), compute, finish: identity, failure })

/** The characters per unit: about the minimum of a value. */
const unitsOf = (text: string): number => text.length / 16

/**
 * Parses JSON, whose wrappers {@link revive} decodes.
 *
 * @category decoding
 * @since 0.1.0
 */
export const read = (text: string): Effect.Effect<unknown, EjsonError> => step(unitsOf(text), () => ejson.read(text))

/**
 * Decodes the wrappers of Extended JSON, in place.
 *
 * @category decoding
 * @since 0.1.0
 */
export const revive = (json: ReadonlyArray<unknown>, text: string): Effect.Effect<ReadonlyArray<unknown>, EjsonError> =>
  step(unitsOf(text), () => json.map(ejson.revive))

/** The same, with the type of each number, for the database. */
export const reviveExact = (
  json: ReadonlyArray<unknown>,
  text: string
): Effect.Effect<ReadonlyArray<unknown>, EjsonError> => step(unitsOf(text), () => json.map(ejson.reviveExact))

/** The most units of an answer. While it is written, it takes some hundred megabytes. */
const mostUnits = 4_000_000

/**
 * Whether a value is too large for an answer, which has at most about two million fields and 64 MiB.
 *
 * @category encoding
 * @since 0.1.0
 */
export const isTooLarge = (value: unknown): boolean => Weights.upTo(mostUnits, value) > mostUnits

const writeWith = (value: unknown, stringify: (value: unknown) => string): Effect.Effect<string, EjsonError> =>
  Effect.flatMap(Effect.try({ try: () => Weights.upTo(mostUnits, value), catch: failure }), (units) =>
    units > mostUnits
      ? Effect.fail(new EjsonError({ message: "it is too large: ask for fewer documents or fields" }))
      : step(units, () => stringify(value))
  )

/**
 * Encodes canonical Extended JSON. A value that {@link isTooLarge} fails.
 *
 * @category encoding
 * @since 0.1.0
 */
export const write = (value: unknown): Effect.Effect<string, EjsonError> => writeWith(value, ejson.stringify)

/**
 * Encodes plain JSON, without types. A value that {@link isTooLarge} fails.
 *
 * @category encoding
 * @since 0.1.0
 */
export const writePlain = (value: unknown): Effect.Effect<string, EjsonError> => writeWith(value, plainJson.stringify)
