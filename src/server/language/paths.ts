/**
 * Paths of fields, such as `a.b.0`, and what they reach in a document.
 *
 * A path means three things: filters look into every array on the way and at its end, and take a number for an index
 * too (`visitor`); expressions and projections look into every array, and a number is but the name of a field
 * (`reader`); updates look into no array, and a number is an index (`valueAt`).
 */
import { spend } from "./budget.ts"
import { codes, invalid } from "./LanguageError.ts"
import { type Document, isDocument } from "./Value.ts"

/** The names of which a path is made, of which there is at least one. */
export type Path = readonly [string, ...ReadonlyArray<string>]

/** As in MongoDB. */
const mostNames = 200

const tooLong = (path: string): never =>
  invalid(`the path '${path.slice(0, 40)}…' has more than ${mostNames} names`, codes.Overflow)

/** The names of a path as filters take it: none is checked, as a name without characters is a name too. */
export const namesOf = (path: string): Path => {
  const [first = "", ...rest] = path.split(".")
  return rest.length < mostNames ? [first, ...rest] : tooLong(path)
}

/**
 * The names of a path as projections, expressions and stages take it. Fails where a name is empty, and where one begins
 * with `$`, unless it is a field of references: `$ref`, `$id` or `$db`.
 */
export const parse = (path: string): Path => {
  const names = namesOf(path)
  if (path === "") invalid("the path of a field is empty: give the name of a field", 40352)
  if (path.endsWith(".")) invalid(`the path '${path}' ends with a dot: give the name of a field behind it`, 40353)
  for (const name of names) {
    if (name === "") invalid(`the path '${path}' has an empty name between its dots`, 15998)
    if (name.startsWith("$") && !/^\$(?:id|ref|db)$/.test(name)) {
      invalid(`the name '${name}' of the path '${path}' begins with '$'`, 16410)
    }
    if (name.includes("\0")) invalid("a path has a NUL in it", 16411)
  }
  return names
}

/** The index that a name is, as arrays count: `-1` for any other name, such as `01`. */
export const indexOf = (name: string): number => (/^(0|[1-9]\d{0,9})$/.test(name) ? Number(name) : -1)

/** Reads a field of a document by its name. */
export type Getter = (document: Document) => unknown

/** What JavaScript objects inherit does not count as a field. */
export const getter = (name: string): Getter =>
  name in Object.prototype
    ? (document) => (Object.hasOwn(document, name) ? document[name] : undefined)
    : (document) => document[name]

/** The field of a document; `undefined` where it has none of the name. */
export const fieldOf = (document: Document, name: string): unknown =>
  Object.hasOwn(document, name) ? document[name] : undefined

/** Is asked of each value that a path reaches, until it answers true. `index` is that of the outermost array passed. */
type Test = (value: unknown, index: number) => boolean

/**
 * Asks for the values that a path reaches, and answers whether one of them was accepted. `outer` is the index of an
 * element of which the document is a part, or -1.
 */
type Visitor = (document: Document, test: Test, outer: number) => boolean

/**
 * What is asked at the end of a path that is an array: each of its elements and then the array itself, or the array
 * alone.
 */
export type Leaf = "elements" | "whole"

/**
 * The values of a path as filters see them: a missing one once as `undefined`, unless an array on the way has no
 * document in it. The index is -1 where no array was looked into.
 */
export const visitor = (path: string | Path, leaf: Leaf = "elements"): Visitor => {
  const [name, next, ...others] = typeof path === "string" ? namesOf(path) : path
  const read = getter(name)
  if (next === undefined) return leaf === "whole" ? wholeVisitor(read) : elementsVisitor(read)
  const within = visitor([next, ...others], leaf)
  const array = arrayVisitor([next, ...others], leaf, within)
  return (document, test, outer) => {
    const value = read(document)
    if (typeof value !== "object" || value === null) return test(undefined, outer)
    if (Array.isArray(value)) return array(value, test, outer)
    return isDocument(value) ? within(value, test, outer) : test(undefined, outer)
  }
}

const wholeVisitor =
  (read: Getter): Visitor =>
  (document, test, outer) =>
    test(read(document), outer)

const elementsVisitor =
  (read: Getter): Visitor =>
  (document, test, outer) => {
    const value = read(document)
    if (!Array.isArray(value)) return test(value, outer)
    spend(value.length)
    for (let i = 0; i < value.length; i++) if (test(value[i], outer < 0 ? i : outer)) return true
    return test(value, outer)
  }

type ArrayVisitor = (values: ReadonlyArray<unknown>, test: Test, outer: number) => boolean

/** Looks into the documents of an array, and at the element that the next name is the index of. */
const arrayVisitor = (path: Path, leaf: Leaf, within: Visitor): ArrayVisitor => {
  const [name, next, ...others] = path
  const index = indexOf(name)
  const element = index < 0 ? undefined : elementVisitor(next === undefined ? undefined : [next, ...others], leaf)
  return (values, test, outer) => {
    spend(values.length)
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      if (isDocument(value) && within(value, test, outer < 0 ? i : outer)) return true
      // an index names the element: which of them matched is not asked
      if (i === index && element?.(value, test, outer) === true) return true
    }
    return false
  }
}

type ElementVisitor = (element: unknown, test: Test, outer: number) => boolean

const elementVisitor = (path: Path | undefined, leaf: Leaf): ElementVisitor => {
  if (path === undefined) return (element, test, outer) => test(element, outer)
  const document = visitor(path, leaf)
  const array = arrayVisitor(path, leaf, document)
  return (element, test, outer) =>
    Array.isArray(element) ? array(element, test, outer) : isDocument(element) && document(element, test, outer)
}

/** Reads what a path reaches in a document, as expressions do. */
export const reader = (path: string | Path): Getter => {
  const [name, next, ...others] = typeof path === "string" ? parse(path) : path
  const read = getter(name)
  if (next === undefined) return read
  const within = reader([next, ...others])
  return (document) => readIn(read(document), within)
}

/** Reads within a value as expressions do: in a document, and in each document of an array. */
export const readIn = (value: unknown, within: Getter): unknown => {
  if (typeof value !== "object" || value === null) return undefined
  if (!Array.isArray(value)) return isDocument(value) ? within(value) : undefined
  const found: Array<unknown> = []
  spend(value.length)
  for (const item of value) {
    const inner = isDocument(item) ? within(item) : undefined
    if (inner !== undefined) found.push(inner)
  }
  return found
}
