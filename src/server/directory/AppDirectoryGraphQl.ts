/** Loads GraphQL of an exported application: the schemas and relationships of its collections, and its resolvers. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as GraphQlSchema from "../graphql/GraphQlSchema.ts"
import type { GraphQl, GraphQlCollection, GraphQlResolver, GraphQlType, Relationship } from "../model/GraphQl.ts"
import type { AppFiles } from "./AppFiles.ts"

const Text = Schema.optional(Schema.NullOr(Schema.String))
const Flag = Schema.optional(Schema.NullOr(Schema.Boolean))

const Config = Schema.Struct({ use_natural_pluralization: Flag, disable_schema_introspection: Flag })

const Resolver = Schema.Struct({
  on_type: Text,
  field_name: Text,
  function_name: Text,
  input_type: Schema.optional(Schema.Unknown),
  input_type_format: Text,
  payload_type: Schema.optional(Schema.Unknown),
  payload_type_format: Text
})
type Resolver = typeof Resolver.Type

const Relationships = Schema.Record(Schema.String, Schema.Struct({ ref: Text, foreign_key: Text, is_list: Flag }))

const isRecord = (u: unknown): u is Readonly<Record<string, unknown>> => Predicate.isObject(u) && !Array.isArray(u)

/** The collection that a reference names, such as `#/relationship/mongodb-atlas/shop/orders`. */
const referenced = (ref: string): Pick<Relationship, "service" | "database" | "collection"> | undefined => {
  const [, service, database, collection] = /^#\/(?:relationship|stitch)\/([^/]+)\/([^/]+)\/(.+)$/.exec(ref) ?? []
  return service === undefined || database === undefined || collection === undefined
    ? undefined
    : { service, database, collection }
}

const relationshipsOf = (given: typeof Relationships.Type | undefined): ReadonlyMap<string, Relationship> => {
  const found = new Map<string, Relationship>()
  for (const [field, { foreign_key, is_list, ref }] of Object.entries(given ?? {})) {
    const place = referenced(ref ?? "")
    if (place === undefined) continue
    found.set(field, { ...place, foreignKey: foreign_key ?? "_id", isList: is_list === true })
  }
  return found
}

/** The collections with schemas; `names` are those of data sources by folder. */
const collections = Effect.fnUntraced(function* (files: AppFiles, names: ReadonlyMap<string, string>) {
  const found: Array<GraphQlCollection> = []
  for (const file of files.below("data_sources")) {
    const [, folder, database, collection] = /^(data_sources\/[^/]+)\/([^/]+)\/([^/]+)\/schema\.json$/.exec(file) ?? []
    if (folder === undefined || database === undefined || collection === undefined) continue
    const schema = yield* files.jsonOrReport(file, Schema.Unknown, "documents are not validated")
    if (!isRecord(schema) || Object.keys(schema).length === 0) continue
    const service = names.get(folder) ?? folder.split("/")[1] ?? folder
    const given = yield* files.jsonOrReport(
      file.replace(/schema\.json$/, "relationships.json"),
      Relationships,
      "GraphQL has no relationships of this collection"
    )
    found.push({ service, database, collection, schema, relationships: relationshipsOf(given) })
  }
  for (const file of files.below("services")) {
    const [, folder] = /^(services\/[^/]+)\/rules\/[^/]+\.json$/.exec(file) ?? []
    const service = folder === undefined ? undefined : names.get(folder)
    if (service === undefined) continue
    const rule = yield* files.jsonOrReport(file, Schema.Unknown, "what it is for is closed to clients")
    const { collection, database, relationships, schema } = {
      collection: undefined,
      database: undefined,
      relationships: undefined,
      schema: undefined,
      ...(isRecord(rule) ? rule : {})
    }
    if (typeof database !== "string" || typeof collection !== "string") continue
    if (!isRecord(schema) || Object.keys(schema).length === 0) continue
    const given = Schema.decodeUnknownOption(Relationships)(relationships ?? {})
    found.push({
      service,
      database,
      collection,
      schema,
      relationships: relationshipsOf(given._tag === "Some" ? given.value : undefined)
    })
  }
  return found
})

const typeOf = (type: unknown, format: string | null | undefined): GraphQlType | undefined => {
  if (isRecord(type)) return { _tag: "Custom", schema: type }
  if (typeof type !== "string" || type === "") return undefined
  return { _tag: "Named", name: type, isList: format?.endsWith("-list") === true || type.startsWith("[") }
}

const resolverOf = ({
  field_name,
  function_name,
  input_type,
  input_type_format,
  on_type,
  payload_type,
  payload_type_format
}: Resolver): GraphQlResolver | undefined =>
  typeof field_name !== "string" || typeof function_name !== "string" || !/^[A-Za-z_]\w*$/.test(field_name)
    ? undefined
    : {
        onType: on_type ?? "Query",
        field: field_name,
        functionName: function_name,
        input: typeOf(input_type, input_type_format),
        payload: typeOf(payload_type, payload_type_format)
      }

/** @internal */
export const load = Effect.fnUntraced(function* (
  files: AppFiles,
  functions: ReadonlyMap<string, unknown>,
  names: ReadonlyMap<string, string>
): Effect.fn.Return<GraphQl | undefined> {
  const config = yield* files.jsonOrReport("graphql/config.json", Config, "GraphQL has its default settings")
  const resolvers = new Map<GraphQlResolver, string>()
  for (const file of files.below("graphql/custom_resolvers")) {
    if (!file.endsWith(".json")) continue
    const given = yield* files.jsonOrReport(file, Resolver, "GraphQL does not have its field")
    const resolver = given && resolverOf(given)
    if (given === undefined) continue
    if (resolver === undefined) {
      files.mistake(file, 'GraphQL does not have its field: expected a "field_name" and a "function_name"')
      continue
    }
    if (!functions.has(resolver.functionName)) {
      const message = `the resolver calls the function "${resolver.functionName}", which does not exist: its field fails`
      files.mistake(file, message, "function_name")
    }
    resolvers.set(resolver, file)
  }
  const graphql: GraphQl = {
    collections: yield* collections(files, names),
    resolvers: [...resolvers.keys()],
    naturalPluralization: config?.use_natural_pluralization !== false,
    introspection: config?.disable_schema_introspection !== true
  }
  if (graphql.collections.length === 0 && resolvers.size === 0) return undefined
  const made = Result.try({ try: () => GraphQlSchema.make(graphql), catch: String })
  if (Result.isFailure(made)) {
    files.mistake(undefined, `the application has no GraphQL: ${made.failure}`)
    return undefined
  }
  for (const { message, resolver } of made.success.problems) {
    const field = `${resolver.onType}.${resolver.field}`
    files.mistake(resolvers.get(resolver), `GraphQL does not have the field ${field}: ${message}`)
  }
  return graphql
})
