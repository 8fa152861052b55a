/** Prepares an update for one document: what `mingo` would do wrongly is done here, what cannot be done is refused. */
import { Timestamp } from "bson"
import * as Bson from "./bson.ts"
import type { Document } from "./bson.ts"
import * as Changes from "./changes.ts"
import type { Change } from "../Operation.ts"
import * as Language from "./mongoLanguage.ts"
import { checkPath } from "./paths.ts"

const fieldsOf = (change: Document, operator: string): Document => {
  const fields = change[operator]
  if (fields === undefined) return {}
  if (Bson.isDocument(fields)) return fields
  throw new Error(`Modifiers operate on fields but we found type ${Bson.typeName(fields)} instead: ${operator}`)
}

const show = (value: unknown): string =>
  typeof value === "object" && value !== null ? Bson.typeName(value) : String(value)

/** The value at a path; throws where an update could not create the path. */
const valueAt = (document: Document, path: string, creates: boolean): unknown => {
  let value: unknown = document
  let walked = ""
  for (const name of path.split(".")) {
    if (Array.isArray(value) && /^\d+$/.test(name)) value = value[Number(name)]
    else if (Bson.isDocument(value)) value = Object.hasOwn(value, name) ? value[name] : undefined
    else if (value === undefined || !creates) return undefined
    else throw new Error(`Cannot create field '${name}' in element {${walked}: ${show(value)}}`)
    walked = name
  }
  return value
}

const wrongType = (operator: string, field: string, value: unknown) =>
  new Error(
    Bson.isWide(value)
      ? `${operator} of Decimal128, or of an integer beyond 2^53, is not supported by this server`
      : `The field '${field}' must be ${onNumbers.has(operator) ? "a number" : "an array"} but is of type ${Bson.typeName(value)}: ${operator} cannot be applied`
  )

const onNumbers = new Set(["$inc", "$mul", "$bit"])
const onArrays = new Set(["$push", "$addToSet", "$pull", "$pullAll", "$pop"])
const creating = new Set(["$set", "$inc", "$mul", "$min", "$max", "$push", "$addToSet", "$bit"])

/** A path that names an array's element by `$`, `$[]` or `$[name]`: what it stands for is known to `mingo` alone. */
const isPositional = (path: string): boolean => path.split(".").some((name) => name.startsWith("$"))

const checkTypes = (document: Document, change: Document): void => {
  for (const operator of Object.keys(change)) {
    for (const [path, to] of Object.entries(fieldsOf(change, operator))) {
      checkPath(document, operator, path)
      if (operator === "$rename" && typeof to === "string") checkPath(document, "$set", to)
      if (isPositional(path)) continue
      const value = valueAt(document, path, creating.has(operator))
      if (value === undefined) continue
      if (onNumbers.has(operator) && typeof value !== "number") throw wrongType(operator, path, value)
      if (onArrays.has(operator) && !Array.isArray(value)) throw wrongType(operator, path, value)
    }
  }
}

/** Throws where two operators would change the same field, and where a path names none. */
const checkPaths = (change: Document): void => {
  const paths = Object.keys(change).flatMap((operator) => Object.keys(fieldsOf(change, operator)))
  paths.push(...Object.values(fieldsOf(change, "$rename")).map(String))
  const seen = new Set<string>()
  for (const path of paths) {
    const names = path.split(".")
    if (names.includes("")) throw new Error(`The update path '${path}' contains an empty field name`)
    if (seen.has(path)) throw conflictAt(path)
    seen.add(path)
  }
  for (const path of paths) {
    const names = path.split(".")
    for (let i = 1; i < names.length; i++) {
      const parent = names.slice(0, i).join(".")
      if (seen.has(parent)) throw conflictAt(path, parent)
    }
  }
}

const conflictAt = (path: string, at = path) =>
  new Error(`updating the path '${path}' would create a conflict at '${at}'`)

/** Throws where an array filter is missing, or there for nothing. */
const checkArrayFilters = (change: Document, filters: ReadonlyArray<Document>): void => {
  const given = filters.map((filter) => {
    const names = new Set(identifiersOf(filter))
    const [name] = names
    if (name === undefined || names.size > 1) throw new Error("an array filter is about one identifier")
    return name
  })
  const used = new Set<string>()
  for (const operator of Object.keys(change)) {
    for (const path of Object.keys(fieldsOf(change, operator))) {
      for (const [, name = ""] of path.matchAll(/\$\[([^\]]+)\]/g)) {
        if (!given.includes(name)) throw new Error(`No array filter found for identifier '${name}' in path '${path}'`)
        used.add(name)
      }
    }
  }
  const unused = given.find((name) => !used.has(name))
  if (unused !== undefined) throw new Error(`The array filter for identifier '${unused}' was not used in the update`)
}

const identifiersOf = (filter: Document): ReadonlyArray<string> =>
  Object.entries(filter).flatMap(([name, value]) =>
    name.startsWith("$") && Array.isArray(value)
      ? value.filter(Bson.isDocument).flatMap(identifiersOf)
      : [name.split(".")[0] ?? name]
  )

/** Throws where a list of values comes with what is not known. */
const checkModifiers = (operator: string, fields: Document, known: ReadonlyArray<string>): void => {
  for (const value of Object.values(fields)) {
    if (!Bson.isDocument(value) || !("$each" in value)) continue
    const unknown = Object.keys(value).find((name) => !known.includes(name))
    if (unknown !== undefined) throw new Error(`Unrecognized clause in ${operator}: ${unknown}`)
  }
}

const eachOf = (value: unknown): ReadonlyArray<unknown> => {
  if (!Bson.isDocument(value) || !("$each" in value)) return [value]
  if (!Array.isArray(value["$each"])) throw new Error("The argument to $each must be an array")
  return value["$each"]
}

/** `$addToSet` as a `$push` of what is missing. */
const addToSet = (document: Document, fields: Document, push: Document, rest: Document): void => {
  for (const [path, value] of Object.entries(fields)) {
    if (isPositional(path)) {
      rest[path] = value
      continue
    }
    const present = valueAt(document, path, true)
    const known = new Set((Array.isArray(present) ? present : []).map(Bson.key))
    const missing = eachOf(value).filter((item) => {
      const key = Bson.key(item)
      return !known.has(key) && known.add(key)
    })
    if (missing.length > 0) push[path] = { $each: missing }
    else if (present === undefined) push[path] = { $each: [] }
  }
}

/** `$min` and `$max` as a `$set` of what changes. */
const extremes = (
  document: Document,
  operator: "$min" | "$max",
  fields: Document,
  set: Document,
  rest: Document
): void => {
  for (const [path, value] of Object.entries(fields)) {
    if (isPositional(path)) {
      rest[path] = value
      continue
    }
    const present = valueAt(document, path, true)
    const compared = Bson.compare(value, present)
    if (present === undefined || (operator === "$min" ? compared < 0 : compared > 0)) set[path] = value
  }
}

const currentDate = (fields: Document, now: Date, set: Document): void => {
  for (const [path, value] of Object.entries(fields)) {
    const type = Bson.isDocument(value) ? value["$type"] : value === true ? "date" : undefined
    if (type !== "date" && type !== "timestamp")
      throw new Error(`$currentDate of '${path}' must be true or { $type: "date" or "timestamp" }`)
    set[path] = type === "date" ? now : new Timestamp({ t: Math.floor(now.getTime() / 1000), i: 1 })
  }
}

/** Sorting and slicing apply to an array that is there: one that is missing is made first. */
const preparePush = (document: Document, fields: Document): Document => {
  const made: Document = {}
  for (const [path, value] of Object.entries(fields)) {
    if (!Bson.isDocument(value) || !("$each" in value)) continue
    const sort = value["$sort"]
    if (Bson.isDocument(sort) && Object.keys(sort).length > 1) {
      throw new Error("$push with $sort by several fields is not supported by this server")
    }
    if (!isPositional(path) && valueAt(document, path, true) === undefined) made[path] = []
  }
  return made
}

const nonEmpty = (change: Readonly<Record<string, Document>>): Record<string, Document> =>
  Object.fromEntries(Object.entries(change).filter(([, fields]) => Object.keys(fields).length > 0))

/**
 * Throws for a change that no document could be changed by. It looks at none, so that what is wrong with a change is told
 * alike wherever it is tried.
 */
export const check = (change: Change): void => {
  if (change._tag === "Replace" || Changes.isReplacement(change.update)) {
    const replacement = change._tag === "Replace" ? change.document : change.update
    const operator = Object.keys(replacement).find((field) => field.startsWith("$"))
    if (operator === undefined) return
    throw new Error(`the replace operation document must not contain atomic operators: ${operator}`)
  }
  const { arrayFilters = [], update } = change
  if (!Bson.isDocument(update)) return Language.checkUpdatePipeline(update)
  const unknown = Object.keys(update).find((name) => !known.has(name))
  if (unknown !== undefined) throw new Error(`Unknown modifier: ${unknown}`)
  checkPaths(update)
  checkArrayFilters(update, arrayFilters)
  checkModifiers("$push", fieldsOf(update, "$push"), ["$each", "$slice", "$sort", "$position"])
  checkModifiers("$addToSet", fieldsOf(update, "$addToSet"), ["$each"])
}

/** Applies operators or a pipeline to a document of the caller's own; answers with the new document. */
export const apply = (
  document: Document,
  change: Changes.Update,
  options: {
    readonly filter: Document
    readonly arrayFilters: ReadonlyArray<Document>
    readonly now: Date
    readonly inserting: boolean
  }
): Document => {
  const plain = documentOf(Bson.narrow(document))
  const updated = Bson.isDocument(change) ? operators(plain, change, options) : Language.update(plain, change, options)
  if (!options.inserting && !Bson.equals(updated["_id"], document["_id"])) throw new Error(immutableId)
  return documentOf(Bson.widened(document, updated))
}

const documentOf = (value: unknown): Document => {
  if (Bson.isDocument(value)) return value
  throw new Error("an update speaks of documents")
}

const immutableId = "Performing an update on the path '_id' would modify the immutable field '_id'"

const operators = (document: Document, change: Document, options: Parameters<typeof apply>[2]): Document => {
  const {
    $addToSet: _a,
    $currentDate: _c,
    $max: _x,
    $min: _m,
    $push: _p,
    $set: _s,
    $setOnInsert: _o,
    ...others
  } = change
  checkTypes(document, change)
  const set = { ...fieldsOf(change, "$set") }
  if (options.inserting) {
    for (const [path, value] of Object.entries(fieldsOf(change, "$setOnInsert"))) {
      set[path] = value
    }
  }
  currentDate(fieldsOf(change, "$currentDate"), options.now, set)
  const [min, max, added, push]: [Document, Document, Document, Document] = [
    {},
    {},
    {},
    { ...fieldsOf(change, "$push") }
  ]
  extremes(document, "$min", fieldsOf(change, "$min"), set, min)
  extremes(document, "$max", fieldsOf(change, "$max"), set, max)
  addToSet(document, fieldsOf(change, "$addToSet"), push, added)
  if ("_id" in set) {
    // an update that names the `_id` a document has already is an ordinary one
    const id = set["_id"]
    if (!options.inserting && !Bson.equals(id, document["_id"])) throw new Error(immutableId)
    document["_id"] = id
    delete set["_id"]
  }
  const made = preparePush(document, push)
  const first = nonEmpty({ $set: made })
  if (Object.keys(first).length > 0) Language.update(document, first, { ...options, filter: {}, arrayFilters: [] })
  const amounts = (name: string) =>
    computed.has(name) ? documentOf(Bson.narrow(fieldsOf(others, name))) : fieldsOf(others, name)
  const rest = nonEmpty({
    ...Object.fromEntries(Object.keys(others).map((name) => [name, amounts(name)])),
    $set: set,
    $min: min,
    $max: max,
    $push: push,
    $addToSet: added
  })
  return Object.keys(rest).length === 0 ? document : Language.update(document, rest, options)
}

/** Operators that compute with their values. */
const computed = new Set(["$inc", "$mul", "$bit", "$pop"])

const known = new Set([
  "$addToSet",
  "$bit",
  "$currentDate",
  "$inc",
  "$max",
  "$min",
  "$mul",
  "$pop",
  "$pull",
  "$pullAll",
  "$push",
  "$rename",
  "$set",
  "$setOnInsert",
  "$unset"
])

/** What an upsert inserts before the update is applied: the fields that the filter asks to equal a value. */
export const seedOf = (filter: Document): Document => {
  const seed: Document = {}
  const collect = (condition: Document): void => {
    for (const [field, value] of Object.entries(condition)) {
      if (field === "$and" && Array.isArray(value)) value.filter(Bson.isDocument).forEach(collect)
      if (field.startsWith("$")) continue
      const operators = Bson.isDocument(value) && Object.keys(value).some((name) => name.startsWith("$"))
      const wanted = operators ? value["$eq"] : value
      if (wanted === undefined || wanted instanceof RegExp) continue
      checkPath(seed, "$set", field)
      if (field === "_id") seed["_id"] = wanted
      else Language.update(seed, { $set: { [field]: wanted } }, { filter: {}, arrayFilters: [], now: epoch })
    }
  }
  collect(filter)
  return seed
}

// @effect-diagnostics-next-line globalDate:off -- no update of an upsert's seed looks at it
const epoch = new Date(0)
