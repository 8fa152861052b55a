/** What GraphQL types are made of: documents by their JSON Schema. */
import type { GraphQl, GraphQlCollection } from "../model/GraphQl.ts"
import * as Names from "./names.ts"

export type ScalarName = "ObjectId" | "DateTime" | "Long" | "UUID" | "Int" | "Float" | "Boolean" | "String"

/** A value with the name of its type in BSON, which a value of a client is converted to. */
export interface ScalarShape {
  readonly _tag: "Scalar"
  readonly scalar: ScalarName
  readonly bsonType: string
}

export interface ListShape {
  readonly _tag: "List"
  readonly of: Shape
}

export interface ObjectShape {
  readonly _tag: "Object"
  readonly name: string
  readonly fields: ReadonlyArray<Field>
}

export type Shape = ScalarShape | ListShape | ObjectShape

export interface Field {
  readonly name: string
  /** The name of the field in documents. */
  readonly key: string
  readonly shape: Shape
  readonly isRequired: boolean
}

/** A field that names documents of another collection. */
export interface Relation {
  readonly target: CollectionShape
  readonly foreignKey: string
  readonly isList: boolean
  /** The values of the foreign key. */
  readonly link: ScalarShape
}

/** A collection, and the names of its fields in GraphQL. */
export interface CollectionShape extends GraphQlCollection {
  readonly type: ObjectShape
  readonly plural: string
  /** The relations by the names of their fields. */
  readonly relations: Map<string, Relation>
}

const scalars: ReadonlyMap<string, ScalarName> = new Map<string, ScalarName>([
  ["objectId", "ObjectId"],
  ["date", "DateTime"],
  ["timestamp", "DateTime"],
  ["long", "Long"],
  ["uuid", "UUID"],
  ["int", "Int"],
  ["integer", "Int"],
  ["double", "Float"],
  ["float", "Float"],
  ["decimal", "Float"],
  ["number", "Float"],
  ["bool", "Boolean"],
  ["boolean", "Boolean"],
  ["string", "String"]
])

export const scalarShape = (bsonType: string): ScalarShape | undefined => {
  const scalar = scalars.get(bsonType)
  return scalar === undefined ? undefined : { _tag: "Scalar", scalar, bsonType }
}

type Schema = Readonly<Record<string, unknown>>

const isSchema = (u: unknown): u is Schema => typeof u === "object" && u !== null && !Array.isArray(u)

/** The one type of a schema, beside null. */
const typeOf = (schema: Schema): string | undefined => {
  const given = schema["bsonType"] ?? schema["type"] ?? (isSchema(schema["properties"]) ? "object" : undefined)
  const names = (Array.isArray(given) ? given : [given]).filter((it) => it !== "null")
  const [name] = names
  return names.length === 1 && typeof name === "string" ? name : undefined
}

/** Deeper documents are left out; schemas are the operator's. */
const mostLevels = 32

/** The names of types that a schema has in any case. */
export const ownNames: ReadonlyArray<string> = [
  "Query",
  "Mutation",
  "Subscription",
  "ID",
  "InsertManyPayload",
  "UpdateManyPayload",
  "DeleteManyPayload",
  "DefaultPayload",
  ...scalars.values()
]

/** Names of types, none of which is given twice. */
export type Taken = Set<string>

/** A name that is free, which it is not any more. */
const free = (name: string, taken: Taken, end = "_"): string => {
  let made = name
  while (taken.has(made)) made += end
  taken.add(made)
  return made
}

/** The shape of values with a schema; `undefined` for those that GraphQL has no type for. */
export const shapeOf = (schema: unknown, name: string, taken: Taken, level = 0): Shape | undefined => {
  if (!isSchema(schema) || level > mostLevels) return undefined
  const type = typeOf(schema)
  if (type === "array") {
    const of = shapeOf(schema["items"], level === 0 ? name : Names.singular(name), taken, level + 1)
    return of && { _tag: "List", of }
  }
  if (type !== "object") return type === undefined ? undefined : scalarShape(type)
  const properties = schema["properties"]
  if (!isSchema(properties) || Object.keys(properties).length === 0) return undefined
  const object = objectOf(schema, free(name, taken), taken, level)
  return object.fields.length === 0 ? undefined : object
}

const objectOf = (schema: Schema, name: string, taken: Taken, level: number): ObjectShape => {
  const properties = isSchema(schema["properties"]) ? schema["properties"] : {}
  const required: ReadonlyArray<unknown> = Array.isArray(schema["required"]) ? schema["required"] : []
  const fields = new Map<string, Field>()
  for (const [key, inner] of Object.entries(properties)) {
    const field = Names.fieldName(key)
    const shape = field === undefined ? undefined : shapeOf(inner, `${name}${Names.capital(field)}`, taken, level + 1)
    if (field === undefined || shape === undefined || fields.has(field)) continue
    fields.set(field, { name: field, key, shape, isRequired: required.includes(key) && key !== "_id" })
  }
  return { _tag: "Object", name, fields: [...fields.values()] }
}

const id: ScalarShape = { _tag: "Scalar", scalar: "ObjectId", bsonType: "objectId" }

/** The schema of a collection, which may be wrapped. */
const schemaOf = ({ schema }: GraphQlCollection): Schema => {
  const wrapped = schema["$jsonSchema"]
  return isSchema(wrapped) ? wrapped : schema
}

/** The name of a collection's type: the title of its schema, or else its own. */
const typeNameOf = (collection: GraphQlCollection): string | undefined => {
  const titles = [collection.schema["title"], schemaOf(collection)["title"], collection.collection]
  return Names.typeName(titles.find((it): it is string => typeof it === "string" && it !== "") ?? "")
}

const collectionOf = (
  collection: GraphQlCollection,
  name: string,
  isNatural: boolean,
  taken: Taken
): CollectionShape => {
  const { fields } = objectOf(schemaOf(collection), name, taken, 0)
  const hasId = fields.some(({ key }) => key === "_id")
  const withId = hasId ? fields : [{ name: "_id", key: "_id", shape: id, isRequired: false }, ...fields]
  return {
    ...collection,
    type: { _tag: "Object", name, fields: withId },
    plural: Names.plural(name, isNatural),
    relations: new Map()
  }
}

const keyOf = ({ collection, database, service }: Omit<GraphQlCollection, "schema" | "relationships">): string =>
  JSON.stringify([service, database, collection])

/** The shapes of the collections, with their relations. Of several with one name, the first counts. */
export const collectionsOf = (
  { collections, naturalPluralization }: GraphQl,
  taken: Taken
): ReadonlyArray<CollectionShape> => {
  // the names of collections come before those of documents in documents
  const named = new Map<string, GraphQlCollection>()
  for (const it of collections) {
    const name = typeNameOf(it)
    if (name === undefined || taken.has(name)) continue
    taken.add(name)
    named.set(name, it)
  }
  const all = Array.from(named, ([name, it]) => collectionOf(it, name, naturalPluralization, taken))
  const byPlace = new Map(all.map((shape) => [keyOf(shape), shape]))
  for (const { relations, relationships, type } of all) {
    for (const { key, name } of type.fields) {
      const relationship = relationships.get(key)
      const target = relationship && byPlace.get(keyOf(relationship))
      const link = target?.type.fields.find((field) => field.key === relationship?.foreignKey)?.shape
      if (relationship === undefined || target === undefined || link?._tag !== "Scalar") continue
      const { foreignKey, isList } = relationship
      relations.set(name, { target, foreignKey, isList, link })
    }
  }
  return all
}
