/** The projections of filters as field permissions. */
import type { Document } from "../internal/bson.ts"
import * as Fields from "./fieldPermissions.ts"
import { refuse } from "./operands.ts"

/** The named fields of a projection, as a tree; a leaf is the end of a path. */
interface Names extends Map<string, Names> {}

const add = (names: Names, path: ReadonlyArray<string>): boolean => {
  const [name = "", ...rest] = path
  const found = names.get(name)
  if (rest.length === 0) return found === undefined && names.set(name, new Map()).has(name)
  if (found?.size === 0) return false
  const inner = found ?? new Map<string, Names>()
  names.set(name, inner)
  return add(inner, rest)
}

/** An inclusion hides what it does not name, an exclusion shows it. */
const permission = (names: Names, includes: boolean): Fields.Permission =>
  names.size === 0
    ? readable(includes)
    : {
        // parents of an included field show nothing else
        ...readable(!includes),
        below: {
          fields: new Map(Array.from(names, ([name, inner]) => [name, permission(inner, includes)])),
          others: readable(!includes)
        }
      }

const readable = (read: boolean): Fields.Permission => (read ? Fields.everything : Fields.nothing)

/** Compiles a projection of zeros and ones. `_id` stays in any case. */
export const of = (projection: Document, place: string): Fields.Permission => {
  const names: Names = new Map()
  const kinds = new Set<boolean>()
  for (const [path, shows] of Object.entries(projection)) {
    const at = `${place}.${path}`
    if (shows !== 0 && shows !== 1 && typeof shows !== "boolean") refuse(at, "a projection by anything but 0 and 1")
    if (path === "_id") {
      if (!shows) refuse(at, "a projection without _id")
      continue
    }
    const parts = path.split(".")
    if (parts.some((part) => part === "" || part.startsWith("$"))) refuse(at, `the field name "${path}"`)
    if (!add(names, parts)) refuse(at, "a projection of a field and of another one in it")
    if (kinds.add(Boolean(shows)).size > 1) refuse(at, "a projection by both 0 and 1")
  }
  const [includes = true] = kinds
  return names.size === 0 ? Fields.nothing : permission(names, includes)
}
