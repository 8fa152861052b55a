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

/** The shape of values with a schema; `undefined` for those that GraphQL has no type for. */
export const shapeOf = (schema: unknown, name: string, level = 0): Shape | undefined => {
  if (!isSchema(schema) || level > mostLevels) return undefined
  const type = typeOf(schema)
  if (type === "array") {
    const of = shapeOf(schema["items"], Names.singular(name), level + 1)
    return of && { _tag: "List", of }
  }
  if (type !== "object") return type === undefined ? undefined : scalarShape(type)
  const object = objectOf(schema, name, level)
  return object.fields.length === 0 ? undefined : object
}

const objectOf = (schema: Schema, name: string, level: number): ObjectShape => {
  const properties = isSchema(schema["properties"]) ? schema["properties"] : {}
  const required: ReadonlyArray<unknown> = Array.isArray(schema["required"]) ? schema["required"] : []
  const fields = new Map<string, Field>()
  for (const [key, inner] of Object.entries(properties)) {
    const field = Names.fieldName(key)
    const shape = field === undefined ? undefined : shapeOf(inner, `${name}${Names.capital(field)}`, level + 1)
    if (field === undefined || shape === undefined || fields.has(field)) continue
    fields.set(field, { name: field, key, shape, isRequired: required.includes(key) && key !== "_id" })
  }
  return { _tag: "Object", name, fields: [...fields.values()] }
}

const id: ScalarShape = { _tag: "Scalar", scalar: "ObjectId", bsonType: "objectId" }

const collectionOf = (collection: GraphQlCollection, isNatural: boolean): CollectionShape | undefined => {
  const { $jsonSchema, title } = { $jsonSchema: undefined, title: undefined, ...collection.schema }
  const schema = isSchema($jsonSchema) ? $jsonSchema : collection.schema
  const own = typeof title === "string" ? title : schema["title"]
  const name = Names.typeName(typeof own === "string" && own !== "" ? own : collection.collection)
  if (name === undefined) return undefined
  const { fields } = objectOf(schema, name, 0)
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
export const collectionsOf = ({ collections, naturalPluralization }: GraphQl): ReadonlyArray<CollectionShape> => {
  const byName = new Map<string, CollectionShape>()
  for (const it of collections) {
    const shape = collectionOf(it, naturalPluralization)
    if (shape !== undefined && !byName.has(shape.type.name)) byName.set(shape.type.name, shape)
  }
  const all = [...byName.values()]
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
