/**
 * The types of an application's functions as one value. The typed client, the handlers of a server in code and a mock for
 * tests are made from it.
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
 * A schema without services. Its encoded side travels as Extended JSON, so it may hold BSON values and dates.
 *
 * @category models
 * @since 0.1.0
 */
export type Plain = Schema.Constraint & { readonly DecodingServices: never; readonly EncodingServices: never }

/**
 * The definition of a function.
 *
 * @category models
 * @since 0.1.0
 */
export interface Definition {
  /** The schemas of the arguments, in order. */
  readonly args: ReadonlyArray<Plain>
  /** The schema of the result. */
  readonly returns: Plain
  /**
   * The schema of the failures that the function declares. A handler in code fails with them, and the client's method fails
   * with them instead of `FunctionFailed`. A function of an exported application throws one as an object
   * (`throw { _tag: "OutOfStock", item }`), as JSON text, or as the message of an `Error` that is JSON text.
   *
   * @default none: every failure is `FunctionFailed`
   */
  readonly errors?: Plain
}

/**
 * The arguments of a function, as a tuple of the decoded types.
 *
 * @category models
 * @since 0.1.0
 */
export type Args<D extends Definition> = Schema.Tuple<D["args"]>["Type"]

/**
 * The decoded result of a function.
 *
 * @category models
 * @since 0.1.0
 */
export type Returns<D extends Definition> = D["returns"]["Type"]

/**
 * The declared failures of a function; `never` if it declares none.
 *
 * @category models
 * @since 0.1.0
 */
export type Errors<D extends Definition> = D["errors"] extends Plain ? D["errors"]["Type"] : never

/**
 * An implementation of each function of a contract, for a server in code or a mock.
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
 * The handlers of a server in code: they take encoded arguments and return the encoded result.
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
 * Arguments or a result do not match the contract. The message names the place, never the value.
 *
 * @category errors
 * @since 0.1.0
 */
export class ContractError extends Schema.TaggedError<ContractError>()("ContractError", { message: Schema.String }) {}

/**
 * A declared failure on its way to the client, as JSON text.
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
 * Encodes and decodes the values of one function.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionCodec {
  /** Encodes the arguments of a call. Fails with `ContractError`. */
  readonly encodeArgs: (args: ReadonlyArray<unknown>) => Effect.Effect<ReadonlyArray<unknown>, ContractError>
  /** Decodes the result of a call. Fails with `ContractError`. */
  readonly decodeResult: (result: unknown) => Effect.Effect<unknown, ContractError>
  /** The declared failure in the message of an exception; `none` if it is not one. */
  readonly decodeError: (text: string) => Option.Option<unknown>
  /** Serves a call: decodes the arguments, runs the implementation, encodes its result or declared failure. */
  readonly serve: <E, R>(
    args: ReadonlyArray<unknown>,
    run: (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, E, R>
  ) => Effect.Effect<unknown, E | ContractError | DeclaredFailure, R>
}

/**
 * The functions of an application, with the codecs of their values. Made by {@link make}.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionContract<Definitions extends Record<string, Definition>> {
  /** The definitions that it was made from. */
  readonly definitions: Definitions
  /** The codec of each function, by name. */
  readonly codecs: Readonly<Record<string, FunctionCodec>>
  /**
   * The functions of a server in code, for `functions` of `App.make`: the implementation gets decoded arguments, its result is
   * encoded, and a declared failure reaches the typed client as such.
   */
  readonly handlers: <R = never>(implementation: Implementation<Definitions, R>) => Handlers<Definitions, R>
}

/**
 * An implementation without its types, which the codec of its definition has checked.
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
 * Makes a contract from the definitions of functions, by name.
 *
 * @see `User.functionsOf` for the client, `FunctionsApi.layerMock` for tests
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
    // the text of an `Error` begins with its name
    decodeError: (text) => decodeError?.(text.replace(/^Error: /, "")) ?? Option.none(),
    serve: Effect.fnUntraced(function* (values, run) {
      // a client may leave out trailing arguments
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
