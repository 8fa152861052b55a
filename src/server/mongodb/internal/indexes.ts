/** Indexes of collections in MongoDB. */
import type { Collection } from "mongodb"
import * as Index from "../../data/Index.ts"
import { codeOf, isMongo } from "./errors.ts"
import { received } from "./values.ts"

/** MongoDB's number of the error for a collection that does not exist. */
const namespaceNotFound = 26

const directionsOf = (key: unknown): Readonly<Record<string, 1 | -1>> => {
  const read = received(key)
  return typeof read === "object" && read !== null
    ? Object.fromEntries(Object.entries(read).map(([path, direction]) => [path, Number(direction) < 0 ? -1 : 1]))
    : {}
}

/** Creates an index; answers with its name. */
export const create = async (collection: Collection, index: string | Index.IndexOptions): Promise<string> => {
  const { key, name, sparse, unique } = Index.parseOptions(typeof index === "string" ? { key: { [index]: 1 } } : index)
  if (name === Index.ofId.name) return name
  return await collection.createIndex(key, {
    name,
    ...(unique ? { unique } : undefined),
    ...(sparse ? { sparse } : undefined)
  })
}

/** The indexes of a collection, that of the `_id` first. */
export const list = async (collection: Collection): Promise<ReadonlyArray<Index.Index>> => {
  try {
    const all = await collection.listIndexes().toArray()
    return all.map(({ key, name, sparse, unique }) =>
      name === Index.ofId.name
        ? Index.ofId
        : { name: String(name), key: directionsOf(key), unique: unique === true, sparse: sparse === true }
    )
  } catch (cause) {
    if (isMongo(cause) && codeOf(cause) === namespaceNotFound) return [Index.ofId]
    throw cause
  }
}
