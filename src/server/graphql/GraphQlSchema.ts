/** The schema of an application: the types and fields of its collections and resolvers. */
import type { GraphQl } from "../model/GraphQl.ts"
import { rootFields } from "./collections.ts"
import type { Context } from "./Context.ts"
import { GraphQLBoolean, GraphQLObjectType, GraphQLSchema, validateSchema } from "./internal/graphqlJs.ts"
import { fieldOf, type Problem } from "./resolvers.ts"
import { collectionsOf, ownNames } from "./shapes.ts"
import { type OutputField, Types } from "./types.ts"

/** A schema, and the resolvers that are not in it. */
export interface Made {
  readonly schema: GraphQLSchema
  readonly problems: ReadonlyArray<Problem>
}

const root = (name: string, fields: ReadonlyMap<string, OutputField>) =>
  new GraphQLObjectType<unknown, Context>({ name, fields: Object.fromEntries(fields) })

/** Makes the schema of an application. Throws for one that GraphQL does not allow. */
export const make = (definition: GraphQl): Made => {
  const types = new Types()
  const taken = new Set(ownNames)
  const collections = new Map(collectionsOf(definition, taken).map((it) => [it.type.name, it]))
  const place = { types, collections, taken, customs: new Map() }
  const query = new Map<string, OutputField>()
  const mutation = new Map<string, OutputField>()
  for (const collection of collections.values()) types.object(collection.type, collection.relations)
  for (const collection of collections.values()) {
    const fields = rootFields(collection, types)
    for (const [name, field] of fields.query) if (!query.has(name)) query.set(name, field)
    for (const [name, field] of fields.mutation) if (!mutation.has(name)) mutation.set(name, field)
  }
  const problems: Array<Problem> = []
  for (const resolver of definition.resolvers) {
    const field = fieldOf(resolver, place)
    if (typeof field === "string") problems.push({ resolver, message: field })
    else if (resolver.onType === "Query") query.set(resolver.field, field)
    else if (resolver.onType === "Mutation") mutation.set(resolver.field, field)
    else if (!types.add(resolver.onType, resolver.field, field)) {
      problems.push({ resolver, message: `the type "${resolver.onType}" does not exist` })
    }
  }
  // a schema needs a query
  if (query.size === 0) query.set("_", { type: GraphQLBoolean, description: "There are no queries." })
  const schema = new GraphQLSchema({
    query: root("Query", query),
    mutation: mutation.size === 0 ? null : root("Mutation", mutation)
  })
  const [error] = validateSchema(schema)
  if (error !== undefined) throw error
  return { schema, problems }
}
