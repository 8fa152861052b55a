/** The arguments `query` and `sortBy`, as filters and sort orders. */
import * as Effect from "effect/Effect"
import { DatabaseError, type Document } from "../data/Database.ts"
import type { Place } from "./Context.ts"
import { input } from "./scalars.ts"
import type { CollectionShape, Field, ObjectShape, Relation } from "./shapes.ts"

/** The conditions on a field, by the end of their names. */
export type Operator = "eq" | "exists" | "gt" | "gte" | "lt" | "lte" | "ne" | "in" | "nin"

const ordering: ReadonlyArray<Operator> = ["gt", "gte", "lt", "lte"]

/** The conditions that a field has. */
export const operatorsOf = ({ shape }: Field, relation: Relation | undefined): ReadonlyArray<Operator> => {
  if (relation?.isList === true || shape._tag === "List") return ["eq", "exists", "in", "nin"]
  if (relation !== undefined || shape._tag === "Object") return ["eq", "exists"]
  return shape.scalar === "Boolean" ? ["eq", "exists", "ne"] : ["eq", "exists", ...ordering, "ne", "in", "nin"]
}

/** The name of a condition's input field. */
export const inputName = ({ name }: Field, operator: Operator): string =>
  operator === "eq" ? name : `${name}_${operator}`

type Given = Readonly<Record<string, unknown>>

const isGiven = (u: unknown): u is Given => typeof u === "object" && u !== null && !Array.isArray(u)
const listOf = (u: unknown): ReadonlyArray<unknown> => (Array.isArray(u) ? u : [u])

/** The most documents whose keys a condition on a relation may name. */
const mostRelated = 10_000

const all = (conditions: ReadonlyArray<Document>): Document =>
  conditions.length === 0 ? {} : conditions.length === 1 ? (conditions[0] ?? {}) : { $and: [...conditions] }

/** The values that name the related documents of a query. */
const keysOf = Effect.fnUntraced(function* (place: Place, { foreignKey, target }: Relation, query: unknown) {
  const found = yield* place.database.find(place.namespaceOf(target), {
    filter: isGiven(query) ? yield* filterOf(place, target, query) : {},
    limit: mostRelated + 1
  })
  if (found.length > mostRelated) {
    return yield* new DatabaseError({
      message: `a condition on ${target.type.name} applies to more than ${mostRelated} documents: make it narrower`
    })
  }
  return found.map((document) => document[foreignKey]).filter((it) => it !== undefined)
})

const relatedCondition = Effect.fnUntraced(function* (
  place: Place,
  relation: Relation,
  path: string,
  operator: Operator,
  value: unknown
): Effect.fn.Return<Document, DatabaseError> {
  const queries = listOf(value)
  const keys = yield* Effect.forEach(queries, (query) => keysOf(place, relation, query))
  if (operator === "in") return { [path]: { $in: keys.flat() } }
  if (operator === "nin") return { [path]: { $nin: keys.flat() } }
  return all(keys.map((some) => ({ [path]: { $in: some } })))
})

/** A condition on documents in a list: each query is for one of them. */
const elementsCondition = (shape: ObjectShape, path: string, operator: Operator, value: unknown): Document => {
  const each = listOf(value).map((query) => ({ [path]: { $elemMatch: isGiven(query) ? ownFilter(shape, query) : {} } }))
  if (operator === "in") return each.length === 0 ? { $nor: [{}] } : { $or: each }
  if (operator === "nin") return each.length === 0 ? {} : { $nor: each }
  return all(each)
}

const condition = ({ shape }: Field, path: string, operator: Operator, value: unknown): Document => {
  if (operator === "exists") return { [path]: { $exists: value === true } }
  if (shape._tag === "List" && shape.of._tag === "Object") return elementsCondition(shape.of, path, operator, value)
  if (shape._tag === "Object") {
    return isGiven(value) ? ownFilter(shape, value, `${path}.`) : { [path]: { $eq: value } }
  }
  if (operator === "in" || operator === "nin") {
    const of = shape._tag === "List" ? shape.of : shape
    return { [path]: { [`$${operator}`]: listOf(value).map((item) => input(of, item)) } }
  }
  return { [path]: { [`$${operator}`]: input(shape, value) } }
}

/** The given conditions of a document's fields. */
const conditionsOf = (shape: ObjectShape, query: Given) =>
  shape.fields.flatMap((field) =>
    (["eq", "exists", ...ordering, "ne", "in", "nin"] as const).flatMap((operator) => {
      const value = query[inputName(field, operator)]
      return value === undefined ? [] : [{ field, operator, value }]
    })
  )

/** The filter of a document inside of another one, which has no relations. */
const ownFilter = (shape: ObjectShape, query: Given, prefix = ""): Document => {
  const conditions = conditionsOf(shape, query).map(({ field, operator, value }) =>
    condition(field, `${prefix}${field.key}`, operator, value)
  )
  const { AND, OR } = query
  if (AND !== undefined && AND !== null) {
    conditions.push(all(listOf(AND).map((it) => (isGiven(it) ? ownFilter(shape, it, prefix) : {}))))
  }
  if (OR !== undefined && OR !== null && listOf(OR).length > 0) {
    conditions.push({ $or: listOf(OR).map((it) => (isGiven(it) ? ownFilter(shape, it, prefix) : {})) })
  }
  return all(conditions)
}

/** The filter of a query. Conditions on relations read the related documents. */
export const filterOf = (
  place: Place,
  collection: CollectionShape,
  query: unknown
): Effect.Effect<Document, DatabaseError> =>
  Effect.suspend(() => {
    if (!isGiven(query)) return Effect.succeed({})
    const inner = (queries: unknown) => Effect.forEach(listOf(queries), (it) => filterOf(place, collection, it))
    return Effect.gen(function* () {
      const conditions: Array<Document> = []
      for (const { field, operator, value } of conditionsOf(collection.type, query)) {
        const relation = operator === "exists" ? undefined : collection.relations.get(field.name)
        conditions.push(
          relation === undefined || value === null
            ? condition(field, field.key, operator, value)
            : yield* relatedCondition(place, relation, field.key, operator, value)
        )
      }
      const { AND, OR } = query
      if (AND !== undefined && AND !== null) conditions.push(all(yield* inner(AND)))
      if (OR !== undefined && OR !== null && listOf(OR).length > 0) conditions.push({ $or: yield* inner(OR) })
      return all(conditions)
    })
  })

/** The sort orders of a collection, by their names. */
export const sortOrders = ({ relations, type }: CollectionShape): ReadonlyMap<string, Document> => {
  const orders = new Map<string, Document>()
  for (const { key, name, shape } of type.fields) {
    if (shape._tag !== "Scalar" || relations.has(name)) continue
    for (const [direction, order] of [["ASC", 1] as const, ["DESC", -1] as const]) {
      const named = `${name.toUpperCase()}_${direction}`
      if (!orders.has(named)) orders.set(named, { [key]: order })
    }
  }
  return orders
}
