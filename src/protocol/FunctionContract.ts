/**
 * What an application's functions take and answer, as one value: from it come the typed client, the handlers of a server
 * written in code, and a mock for tests.
 *
 * @example
 * ```ts
 * import { AuthApi, Credentials, FunctionContract } from "effect-app-services"
 * import { Effect, Schema } from "effect"
 *
 * const Shop = FunctionContract.make({
 *   sum: { args: [Schema.Finite, Schema.Finite], returns: Schema.Finite },
 *   openOrders: {
 *     args: [Schema.Struct({ limit: Schema.Int })],
 *     returns: Schema.Array(Schema.Struct({ item: Schema.String, at: Schema.Date }))
 *   }
 * })
 *
 * const program = Effect.gen(function*() {
 *   const auth = yield* AuthApi
 *   const user = yield* auth.logIn(Credentials.anonymous())
 *   const shop = user.functionsOf(Shop)
 *   const orders = yield* shop.openOrders({ limit: 10 })
 *   return orders.map((order) => order.at.getFullYear())
 * })
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"

/**
 * A schema that needs no services; its encoded side may hold BSON values.
 *
 * @category models
 * @since 0.1.0
 */
export type Plain = Schema.Constraint & { readonly DecodingServices: never; readonly EncodingServices: never }

/**
 * One function.
 *
 * @category models
 * @since 0.1.0
 */
export interface Definition {
  readonly args: ReadonlyArray<Plain>
  readonly returns: Plain
  /** Failures the function declares: a handler may fail with them, and the client's error channel has them. */
  readonly errors?: Plain
}

/**
 * The arguments of a function.
 *
 * @category models
 * @since 0.1.0
 */
export type Args<D extends Definition> = Schema.Tuple<D["args"]>["Type"]

/**
 * The result of a function.
 *
 * @category models
 * @since 0.1.0
 */
export type Returns<D extends Definition> = D["returns"]["Type"]

/**
 * The declared failures of a function.
 *
 * @category models
 * @since 0.1.0
 */
export type Errors<D extends Definition> = D["errors"] extends Plain ? D["errors"]["Type"] : never

/**
 * What a server or a mock has to write for each function of a contract.
 *
 * @category models
 * @since 0.1.0
 */
export type Implementation<Definitions extends Record<string, Definition>, R> = {
  readonly [Name in keyof Definitions]: (
    ...args: Args<Definitions[Name]>
  ) => Effect.Effect<Returns<Definitions[Name]>, Errors<Definitions[Name]>, R>
}

/**
 * The functions of a server: they take and answer what the wire holds.
 *
 * @category models
 * @since 0.1.0
 */
export type Handlers<Definitions extends Record<string, Definition>, R> = {
  readonly [Name in keyof Definitions]: (
    ...args: ReadonlyArray<unknown>
  ) => Effect.Effect<unknown, Errors<Definitions[Name]> | ContractError | DeclaredFailure, R>
}

/**
 * A call or a result that does not keep the contract. The message names the place, never the value.
 *
 * @category errors
 * @since 0.1.0
 */
export class ContractError extends Schema.TaggedError<ContractError>()("ContractError", { message: Schema.String }) {}

/**
 * A declared failure on its way to the client: its text is its JSON.
 *
 * @category errors
 * @since 0.1.0
 */
export class DeclaredFailure extends Schema.TaggedError<DeclaredFailure>()("DeclaredFailure", { json: Schema.String }) {
  override toString(): string {
    return this.json
  }
}

/**
 * One function's values and their form on the wire.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionCodec {
  readonly encodeArgs: (args: ReadonlyArray<unknown>) => Effect.Effect<ReadonlyArray<unknown>, ContractError>
  readonly decodeResult: (result: unknown) => Effect.Effect<unknown, ContractError>
  /** The declared failure in the text of an exception; none when it holds none. */
  readonly decodeError: (text: string) => Option.Option<unknown>
  /** What a server does with a call: arguments decoded, the implementation run, its result encoded. */
  readonly serve: <E, R>(
    args: ReadonlyArray<unknown>,
    run: (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, E, R>
  ) => Effect.Effect<unknown, E | ContractError | DeclaredFailure, R>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface FunctionContract<Definitions extends Record<string, Definition>> {
  readonly definitions: Definitions
  /** The codec of each function, by name. */
  readonly codecs: Readonly<Record<string, FunctionCodec>>
  /**
   * The functions of a server written in code: arguments arrive decoded, results leave encoded, and a declared failure
   * reaches the typed client as what it is.
   */
  handlers<R = never>(implementation: Implementation<Definitions, R>): Handlers<Definitions, R>
}

/**
 * A function once its types are checked: the codec of its definition stands between it and the wire.
 *
 * @category models
 * @since 0.1.0
 */
export type Erased<E, R> = (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, E, R>

/** @internal */
export const erase = <Definitions extends Record<string, Definition>, R>(
  implementation: Partial<Implementation<Definitions, R>>,
  name: string
): Erased<Errors<Definitions[string]>, R> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the codec decodes just the arguments it takes
  implementation[name] as Erased<Errors<Definitions[string]>, R>

/**
 * Declares functions.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const Definitions extends Record<string, Definition>>(
  definitions: Definitions
): FunctionContract<Definitions> => {
  const codecs = Record.map<string, Definition, FunctionCodec>(definitions, codecOf)
  return {
    definitions,
    codecs,
    handlers: <R>(implementation: Implementation<Definitions, R>) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one entry for each name, made right here
      Record.map(codecs, (codec, name) => {
        const run = erase(implementation, name)
        return (...args: ReadonlyArray<unknown>) => codec.serve(args, run)
      }) as Handlers<Definitions, R>
  }
}

const codecOf = (definition: Definition, name: string): FunctionCodec => {
  const args = Schema.Tuple(definition.args)
  const decodeArgs = Schema.decodeUnknownEffect(args)
  const encodeArgs = Schema.encodeUnknownEffect(args)
  const decodeResult = Schema.decodeUnknownEffect(definition.returns)
  const encodeResult = Schema.encodeUnknownEffect(definition.returns)
  const errors =
    definition.errors === undefined ? undefined : Schema.fromJsonString(Schema.toCodecJson(definition.errors))
  const violation = (what: string) => (error: Schema.SchemaError) =>
    new ContractError({ message: `${name}: ${what} ${error.message.replaceAll(/\s+/g, " ")}` })
  const encodeError = errors === undefined ? undefined : Schema.encodeUnknownEffect(errors)
  const decodeError = errors === undefined ? undefined : Schema.decodeUnknownOption(errors)
  return {
    encodeArgs: (values) => Effect.mapError(encodeArgs(values), violation("arguments:")),
    decodeResult: (value) => Effect.mapError(decodeResult(value), violation("result:")),
    decodeError: (text) => decodeError?.(text) ?? Option.none(),
    serve: Effect.fnUntraced(function* (values, run) {
      // a client that leaves out trailing arguments, or sends null for them, means undefined
      const decoded = yield* Effect.mapError(decodeArgs(values), violation("arguments:"))
      const result = yield* Effect.catch(run(...decoded), (error) =>
        encodeError === undefined
          ? Effect.fail(error)
          : Effect.flatMap(
              Effect.mapError(encodeError(error), () => error),
              (json) => Effect.fail(new DeclaredFailure({ json }))
            )
      )
      return yield* Effect.mapError(encodeResult(result), violation("result:"))
    })
  }
}
