/** Answers one GraphQL request. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { bounded, type Document, type Service as Database } from "../data/Database.ts"
import { type DatabaseError, forbiddenCode, invalidDocumentCode, unavailable } from "../data/DatabaseError.ts"
import { canonical, keyOf } from "../language/Value.ts"
import type { FunctionError } from "../model/FunctionContext.ts"
import type * as GraphQl from "./Context.ts"
import {
  DataLoader,
  type DocumentNode,
  execute,
  GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate
} from "./internal/graphqlJs.ts"
import * as Limits from "./limits.ts"
import type { Relation } from "./shapes.ts"

/** What a client sends. */
export interface Asked {
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>> | undefined
  readonly operationName: string | undefined
}

/** What a request is answered with. */
export interface Given extends Pick<GraphQl.Context, "namespaceOf" | "call"> {
  readonly schema: GraphQLSchema
  readonly introspection: boolean
  readonly database: Database
  /** The code of an error, as clients know it. */
  readonly codeOf: (error: DatabaseError) => string
}

/** The answer, which is written as JSON. */
export interface Answer {
  readonly data?: unknown
  readonly errors?: ReadonlyArray<GraphQLError>
}

/** An error in the form of the original host. */
const errorOf = (what: string, failure: GraphQl.Failure, codeOf: Given["codeOf"]): GraphQLError => {
  const code =
    failure._tag === "DatabaseError" || failure.unavailable === true
      ? codeOf(failure._tag === "DatabaseError" ? failure : unavailable())
      : failure.code
  const isDenied =
    failure._tag === "DatabaseError" && (failure.code === forbiddenCode || failure.code === invalidDocumentCode)
  const untrusted = isDenied ? `${what} not permitted` : ""
  const reason = JSON.stringify(failure.message)
  return new GraphQLError(`reason=${reason}; code="${code}"; untrusted="${untrusted}"; details=map[]`, {
    extensions: { code }
  })
}

const keyOfValue = (value: unknown): string => keyOf(canonical(value ?? null))

/** Loads the documents of a relation for all values that are asked for at once. */
const loader = (context: GraphQl.Context, { foreignKey, target }: Relation): GraphQl.Loader =>
  new DataLoader(
    async (values) => {
      const filter = { [foreignKey]: { $in: values } }
      const found = await context.run("read", context.database.find(context.namespaceOf(target), { filter }))
      const byKey = new Map<string, Array<Document>>()
      for (const document of found) {
        const key = keyOfValue(document[foreignKey])
        byKey.set(key, [...(byKey.get(key) ?? []), document])
      }
      return values.map((value) => byKey.get(keyOfValue(value)) ?? [])
    },
    { cacheKeyFn: keyOfValue, maxBatchSize: 1000 }
  )

const contextOf = (given: Given, services: Context.Context<never>, signal: AbortSignal): GraphQl.Context => {
  const { call, codeOf, database, namespaceOf } = given
  const count = Limits.counters()
  const loaders = new Map<Relation, GraphQl.Loader>()
  const context: GraphQl.Context = {
    database,
    namespaceOf,
    call,
    charge: count.list,
    run: async (what, effect) => {
      count.operation()
      const exit = await Effect.runPromiseExitWith(services)(Effect.result(effect), { signal })
      if (Exit.isFailure(exit)) {
        await Effect.runPromiseWith(services)(unexpected(exit.cause))
        throw new GraphQLError("internal server error")
      }
      if (Result.isFailure(exit.value)) throw errorOf(what, exit.value.failure, codeOf)
      return exit.value.success
    },
    loaderOf: (relation) => {
      const found = loaders.get(relation) ?? loader(context, relation)
      loaders.set(relation, found)
      return found
    }
  }
  return context
}

const unexpected = (cause: Cause.Cause<never>) =>
  Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("unexpected error in a GraphQL field", cause)

/** Reads and validates a document. One that is nested too deeply for that fails, too. */
const read = (given: Given, { query }: Asked): Result.Result<DocumentNode, ReadonlyArray<GraphQLError>> =>
  Result.flatMap(
    Result.try({
      try: () => {
        const document = parse(query, { maxTokens: Limits.most.tokens })
        return [document, problems(document, given)] as const
      },
      catch: (cause) => [cause instanceof GraphQLError ? cause : new GraphQLError("the query is nested too deeply")]
    }),
    ([document, errors]) => (errors.length === 0 ? Result.succeed(document) : Result.fail(errors))
  )

const problems = (document: DocumentNode, { introspection, schema }: Given): ReadonlyArray<GraphQLError> => {
  const long = Limits.tooLong(document)
  if (long !== undefined) return [long]
  const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule]
  const found = validate(schema, document, rules, { maxErrors: 20 })
  const deep = found.length === 0 ? Limits.tooDeep(document) : undefined
  return deep === undefined ? found : [deep]
}

/**
 * Answers a request as its user. Fields that fail are null and named in `errors`; the database operations of a request have
 * the limits of one.
 */
export const answer = (given: Given, asked: Asked): Effect.Effect<Answer, DatabaseError | FunctionError> =>
  Effect.suspend(() => {
    const document = read(given, asked)
    if (Result.isFailure(document)) return Effect.succeed({ errors: document.failure })
    return bounded(
      Effect.flatMap(Effect.context<never>(), (services) =>
        Effect.promise(
          async (signal): Promise<Answer> =>
            await execute({
              schema: given.schema,
              document: document.success,
              variableValues: asked.variables,
              operationName: asked.operationName,
              contextValue: contextOf(given, services, signal)
            })
        )
      )
    )
  })
