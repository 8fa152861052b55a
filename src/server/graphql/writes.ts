/** The arguments `data` and `set`, as documents and updates. */
import * as Effect from "effect/Effect"
import type { DatabaseError, Document } from "../data/Database.ts"
import type { Place } from "./Context.ts"
import { input } from "./scalars.ts"
import type { CollectionShape, Field, ObjectShape, Relation } from "./shapes.ts"

type Given = Readonly<Record<string, unknown>>

const isGiven = (u: unknown): u is Given => typeof u === "object" && u !== null && !Array.isArray(u)
const listOf = (u: unknown): ReadonlyArray<unknown> => (u === undefined || u === null ? [] : Array.isArray(u) ? u : [u])

/** Whether an input creates related documents, so that several documents are written together. */
export const creates = ({ relations }: CollectionShape, data: unknown): boolean =>
  isGiven(data) &&
  [...relations.keys()].some((name) => {
    const related = data[name]
    return isGiven(related) && related["create"] !== undefined && related["create"] !== null
  })

/** Creates the related documents of an input; the values that name them and those that are linked. */
const linked = Effect.fnUntraced(function* (
  place: Place,
  { foreignKey, isList, link, target }: Relation,
  given: unknown
): Effect.fn.Return<unknown, DatabaseError> {
  if (!isGiven(given)) return given
  const links = listOf(given["link"]).map((it) => input(link, it))
  const documents = yield* Effect.forEach(listOf(given["create"]), (data) => documentOf(place, target, data))
  const ids = documents.length === 0 ? [] : yield* place.database.insert(place.namespaceOf(target), documents)
  const created = foreignKey === "_id" ? ids : documents.map((document) => document[foreignKey])
  const values = [...links, ...created]
  return isList ? values : values[values.length - 1]
})

/** The value of a field: a relation, or what is given. */
const valueOf = (place: Place, { relations }: CollectionShape, { name, shape }: Field, given: unknown) => {
  const relation = relations.get(name)
  return relation === undefined ? Effect.succeed(input(shape, given)) : linked(place, relation, given)
}

/** The document of an insert input. */
export const documentOf = (
  place: Place,
  collection: CollectionShape,
  data: unknown
): Effect.Effect<Document, DatabaseError> =>
  Effect.suspend(() =>
    Effect.gen(function* () {
      const document: Document = {}
      if (!isGiven(data)) return document
      for (const field of collection.type.fields) {
        const given = data[field.name]
        const value = given === undefined ? undefined : yield* valueOf(place, collection, field, given)
        if (value !== undefined) document[field.key] = value
      }
      return document
    })
  )

/** Whether an input field adds to a number. */
export const increments = ({ shape }: Field): boolean =>
  shape._tag === "Scalar" && (shape.scalar === "Int" || shape.scalar === "Float")

interface Changes {
  readonly $set: Document
  readonly $unset: Document
  readonly $inc: Document
}

/** Collects the changes of one field that are not those of a relation. */
const collect = (field: Field, given: Given, prefix: string, { $inc, $set, $unset }: Changes): void => {
  const path = `${prefix}${field.key}`
  const value = given[field.name]
  if (given[`${field.name}_unset`] === true) {
    $unset[path] = ""
    return
  }
  if (field.shape._tag === "Object" && isGiven(value)) {
    collectAll(field.shape, value, `${path}.`, { $inc, $set, $unset })
  } else if (value !== undefined) $set[path] = input(field.shape, value)
  else if (increments(field)) {
    const by = given[`${field.name}_inc`]
    if (by !== undefined && by !== null) $inc[path] = input(field.shape, by)
  }
}

const collectAll = (shape: ObjectShape, given: Given, prefix: string, changes: Changes): void => {
  for (const field of shape.fields) collect(field, given, prefix, changes)
}

/** The update of an update input; without operators if it changes nothing. */
export const updateOf = Effect.fnUntraced(function* (
  place: Place,
  collection: CollectionShape,
  set: unknown
): Effect.fn.Return<Document, DatabaseError> {
  const changes: Changes = { $set: {}, $unset: {}, $inc: {} }
  if (!isGiven(set)) return {}
  for (const field of collection.type.fields) {
    const relation = collection.relations.get(field.name)
    const given = set[field.name]
    if (relation === undefined || set[`${field.name}_unset`] === true) collect(field, set, "", changes)
    else if (given !== undefined) changes.$set[field.key] = yield* linked(place, relation, given)
  }
  return Object.fromEntries(Object.entries(changes).filter(([, fields]) => Object.keys(fields).length > 0))
})
