/** GraphQL of an application: the collections that types are generated of, and its own resolvers. */

/** What GraphQL is generated of. */
export interface GraphQl {
  readonly collections: ReadonlyArray<GraphQlCollection>
  readonly resolvers: ReadonlyArray<GraphQlResolver>
  /** Whether plurals are those of English (`geese`), and not always made with an `s`. */
  readonly naturalPluralization: boolean
  /** Whether clients may ask for the schema. */
  readonly introspection: boolean
}

/** A collection with a schema. */
export interface GraphQlCollection {
  readonly service: string
  readonly database: string
  readonly collection: string
  /** The JSON Schema of its documents. */
  readonly schema: Readonly<Record<string, unknown>>
  /** The relationships by field. */
  readonly relationships: ReadonlyMap<string, Relationship>
}

/** A field whose value names a document of another collection, or several. */
export interface Relationship {
  readonly service: string
  readonly database: string
  readonly collection: string
  /** The field of the other collection that has the value. */
  readonly foreignKey: string
  readonly isList: boolean
}

/** A field that a function resolves. */
export interface GraphQlResolver {
  /** `Query`, `Mutation`, or a generated type. */
  readonly onType: string
  readonly field: string
  readonly functionName: string
  readonly input: GraphQlType | undefined
  /** Without one, the field answers only that the function has run. */
  readonly payload: GraphQlType | undefined
}

/** A type that a resolver names, or a JSON Schema. */
export type GraphQlType =
  | { readonly _tag: "Named"; readonly name: string; readonly isList: boolean }
  | { readonly _tag: "Custom"; readonly schema: Readonly<Record<string, unknown>> }
