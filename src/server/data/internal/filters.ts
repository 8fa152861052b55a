/** What a filter must not ask for: what this server cannot do, and what MongoDB refuses though `mingo` takes it. */
import * as Bson from "./bson.ts"
import type { Document } from "./bson.ts"

const unsupported: Readonly<Record<string, string>> = {
  $text: "it has no text index; use $regex",
  $where: "it would run code of the client",
  $jsonSchema: "it has no validator in filters",
  $near: "it has no geospatial index",
  $nearSphere: "it has no geospatial index",
  $geoWithin: "it has no geospatial index",
  $geoIntersects: "it has no geospatial index"
}

const lists = new Set(["$and", "$or", "$nor"])

/** Throws where the answer would be wrong, and says why. */
export const check = (filter: Document): void => {
  for (const [name, value] of Object.entries(filter)) {
    const why = Object.hasOwn(unsupported, name) ? unsupported[name] : undefined
    if (why !== undefined) throw new Error(`${name} is not supported by this server: ${why}`)
    if (lists.has(name)) {
      if (!Array.isArray(value) || value.length === 0) throw new Error(`${name} must be a nonempty array`)
      for (const inner of value) if (Bson.isDocument(inner)) check(inner)
    } else if (name === "$not") {
      if (!Bson.isDocument(value) && !(value instanceof RegExp)) throw new Error("$not needs a regex or a document")
      if (Bson.isDocument(value)) check(value)
    } else if (Bson.isDocument(value) && (name === "$elemMatch" || !name.startsWith("$"))) {
      const isCondition = name === "$elemMatch" || Object.keys(value).some((it) => it.startsWith("$"))
      if (isCondition) check(value)
    }
  }
}
