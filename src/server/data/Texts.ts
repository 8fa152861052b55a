/**
 * Decodes and encodes the Extended JSON of clients. Large texts wait for their turn, and exceeding the time limit fails.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import { EjsonError } from "../../protocol/Ejson.ts"
import * as ejson from "../../protocol/internal/ejson.ts"
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

/**
 * Encodes canonical Extended JSON.
 *
 * @category encoding
 * @since 0.1.0
 */
export const write = (value: unknown): Effect.Effect<string, EjsonError> =>
  Effect.flatMap(Effect.try({ try: () => Weights.of(value).units, catch: failure }), (units) =>
    step(units, () => ejson.stringify(value))
  )
