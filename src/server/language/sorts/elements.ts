/** The values at several paths of a document at once, as sort orders and indexes see them: through one array. */
import { spend } from "../budget.ts"
import { fieldOf, type Getter, getter, indexOf, type Path } from "../paths.ts"
import { type Document, isDocument } from "../Value.ts"

/** A value that has an array on its path. */
export const inArray = Symbol("in an array")

/** Reads a path without arrays: `undefined` for a missing value, {@link inArray} if there is an array on it. */
export const plainReader = ([name, next, ...others]: Path): Getter => {
  const read = getter(name)
  if (next === undefined) {
    return (document) => {
      const value = read(document)
      return Array.isArray(value) ? inArray : value
    }
  }
  const within = plainReader([next, ...others])
  return (document) => {
    const value = read(document)
    if (isDocument(value)) return within(value)
    return Array.isArray(value) ? inArray : undefined
  }
}

/** The values at the paths for one element of the array on them; a missing one is null. */
export interface ElementKey {
  readonly values: ReadonlyArray<unknown>
  /** Whether all of them are missing. */
  readonly isMissing: boolean
}

/** How far a path has been walked. */
interface Walked {
  readonly value: unknown
  /** The names that are left. */
  readonly names: ReadonlyArray<string>
  /** Whether the value is the key, even if it is an array. */
  readonly isDone: boolean
}

/**
 * The keys of a document: one for each element of the array on its paths. It has to be the same array for all paths:
 * `parallel` throws otherwise. An array without elements at the end of a path is `undefined`, which stands before null.
 */
export const elementKeys = (
  document: Document,
  paths: ReadonlyArray<Path>,
  parallel: () => never
): ReadonlyArray<ElementKey> =>
  expand(
    paths.map((names) => ({ value: document, names, isDone: false })),
    parallel
  )

const expand = (paths: ReadonlyArray<Walked>, parallel: () => never): ReadonlyArray<ElementKey> => {
  const walked = paths.map(toArray)
  const [array, ...others] = new Set(
    walked.flatMap(({ isDone, value }) => (isDone || !Array.isArray(value) ? [] : [value]))
  )
  if (others.length > 0) return parallel()
  if (array === undefined) {
    const values = walked.map(({ value }) => (value === missing ? null : value))
    return [{ values, isMissing: walked.every(({ value }) => value === missing) }]
  }
  spend(array.length * walked.length)
  const enter = (item: unknown) => walked.map((path) => (path.isDone ? path : into(path, item)))
  return array.length === 0
    ? expand(enter(undefined), parallel)
    : array.flatMap((item: unknown) => expand(enter(item), parallel))
}

const missing = Symbol("missing")

const into = ({ names }: Walked, item: unknown): Walked =>
  names.length === 0
    ? { value: item, names, isDone: true }
    : { value: isDocument(item) ? item : missing, names, isDone: false }

/** Walks a path to its end, or to the array in which it goes on. */
const toArray = (path: Walked): Walked => {
  if (path.isDone) return path
  let { value } = path
  for (const [i, name] of path.names.entries()) {
    if (Array.isArray(value)) {
      const index = indexOf(name)
      if (index < 0) return { value, names: path.names.slice(i), isDone: false }
      if (i === path.names.length - 1) return done(value[index])
      value = value[index]
    } else value = isDocument(value) ? fieldOf(value, name) : missing
  }
  return Array.isArray(value) ? { value, names: [], isDone: false } : done(value)
}

const done = (value: unknown): Walked => ({ value: value === undefined ? missing : value, names: [], isDone: true })
