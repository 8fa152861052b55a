/**
 * Indexes: what a collection is searched and sorted by, and which values are unique in it.
 *
 * @since 0.1.0
 */
import { codes, invalid, unsupported } from "../language/LanguageError.ts"
import { toWhole } from "../language/numbers.ts"
import { indexOf, parse } from "../language/paths.ts"
import { canonical, isDocument, typeOf } from "../language/Value.ts"

/**
 * An index to create, as MongoDB's `createIndex` takes it.
 *
 * @category options
 * @since 0.1.0
 */
export interface IndexOptions {
  /** The fields in their order: `1` for ascending, `-1` for descending. The paths of fields have no numbers. */
  readonly key: Readonly<Record<string, 1 | -1>>
  /** @default the fields with their directions, as in `"user_1_at_-1"` */
  readonly name?: string | undefined
  /**
   * Whether no two documents may have the same values. A missing field counts as null, and each element of an array as a
   * value of its own.
   *
   * @default false
   */
  readonly unique?: boolean | undefined
  /**
   * Whether documents without any of the fields are left out.
   *
   * @default false
   */
  readonly sparse?: boolean | undefined
}

/**
 * An index of a collection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Index {
  readonly name: string
  readonly key: Readonly<Record<string, 1 | -1>>
  readonly unique: boolean
  readonly sparse: boolean
}

/** The index that each collection has. */
export const ofId: Index = { name: "_id_", key: { _id: 1 }, unique: true, sparse: false }

/** Options without a meaning here. */
const ignored = new Set(["v", "ns", "background"])

const refused: Readonly<Record<string, string>> = {
  partialFilterExpression: "an index has all documents: use `sparse` to leave out those without the fields",
  expireAfterSeconds: "documents do not expire: delete them with a scheduled trigger",
  collation: "strings are compared by their bytes",
  hidden: "every index is used",
  wildcardProjection: "there are no wildcard indexes",
  weights: "there are no text indexes",
  default_language: "there are no text indexes",
  language_override: "there are no text indexes",
  textIndexVersion: "there are no text indexes",
  "2dsphereIndexVersion": "there are no geospatial indexes",
  bits: "there are no geospatial indexes",
  min: "there are no geospatial indexes",
  max: "there are no geospatial indexes",
  storageEngine: "documents are in memory",
  prepareUnique: "an index is unique from the start or not at all",
  clustered: "documents are in memory"
}

const flagOf = (options: Record<string, unknown>, name: string): boolean => {
  const value = options[name]
  if (value === undefined) return false
  return typeof value === "boolean" ? value : invalid(`the option '${name}' of an index must be true or false`, 14)
}

const mostFields = 32

const directionOf = (path: string, value: unknown): 1 | -1 => {
  if (typeof value === "string")
    unsupported(`an index of the type '${value}'`, "there are ascending and descending ones")
  const whole = toWhole(value)
  if (whole === undefined || whole === 0) {
    return invalid(`the direction of '${path}' in an index must be 1 or -1`, codes.CannotCreateIndex)
  }
  return whole > 0 ? 1 : -1
}

const checkPath = (path: string): void => {
  if (path.includes("$**")) unsupported("a wildcard index", "name the fields")
  const names = parse(path)
  if (names.some((name) => indexOf(name) >= 0)) {
    unsupported(`an index of '${path}'`, "a number in a path may be an index of an array or the name of a field")
  }
}

const keyOf = (key: unknown): Record<string, 1 | -1> => {
  if (!isDocument(key)) return invalid(`the key of an index must be a document, and not ${typeOf(key)}`, 14)
  const fields = Object.entries(key)
  if (fields.length === 0) invalid("the key of an index must have a field", codes.CannotCreateIndex)
  if (fields.length > mostFields) invalid(`an index has at most ${mostFields} fields`, codes.CannotCreateIndex)
  for (const [path] of fields) checkPath(path)
  return Object.fromEntries(fields.map(([path, direction]) => [path, directionOf(path, direction)]))
}

const nameOf = (key: Index["key"]): string =>
  Object.entries(key)
    .map(([path, direction]) => `${path}_${direction}`)
    .join("_")

/** Parses the options of an index. Throws for an invalid option and, by its name, for one that is not supported. */
export const parseOptions = (input: unknown): Index => {
  const options = canonical(input)
  if (!isDocument(options)) return invalid(`an index must be a document, and not ${typeOf(options)}`, 14)
  for (const [name, value] of Object.entries(options)) {
    if (["key", "name", "unique", "sparse"].includes(name) || ignored.has(name)) continue
    // an option that is off is ignored
    if (value === false || value === null) continue
    if (Object.hasOwn(refused, name)) unsupported(`the option '${name}' of an index`, refused[name])
    invalid(`the option '${name}' of an index is unknown`, codes.InvalidIndexSpecificationOption)
  }
  const key = keyOf(options["key"])
  if (Object.keys(key).join() === "_id") return ofId
  const { name = nameOf(key) } = options
  if (typeof name !== "string" || name === "" || name === ofId.name) {
    return invalid("the name of an index must be a string that is not empty and not '_id_'", codes.CannotCreateIndex)
  }
  return { name, key, unique: flagOf(options, "unique"), sparse: flagOf(options, "sparse") }
}

/** Whether two indexes have the same fields, in the same order and directions. */
export const hasSameKey = (one: Index, other: Index): boolean => nameOf(one.key) === nameOf(other.key)

/** Whether two indexes are the same but for their names. */
export const isSame = (one: Index, other: Index): boolean =>
  hasSameKey(one, other) && one.unique === other.unique && one.sparse === other.sparse
