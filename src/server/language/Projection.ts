/** Projections of `find`: which fields of the documents that were found are given, and which are computed. */
import * as Expression from "./Expression.ts"
import * as Filter from "./Filter.ts"
import { failed, invalid } from "./LanguageError.ts"
import { isZero, toDouble } from "./numbers.ts"
import { fieldOf, parse } from "./paths.ts"
import { idFirst, type Post, positional, type Slice, sliced } from "./projections/after.ts"
import { computeField, kept, list, type Tree, tree, withComputed, without } from "./stages/fields.ts"
import { frameIn, scopeIn, type Surroundings } from "./surroundings.ts"
import { type Document, isDocument, isNumeric } from "./Value.ts"

/** A compiled projection. */
export interface Projection {
  /** The document as it is given; expressions see the variables of the frame, or those of the environment. */
  readonly apply: (document: Document, frame?: Expression.Frame) => Document
}

/** What a projection is compiled in. */
export interface Options extends Surroundings {
  /** The filter by which the documents were found: the positional `$` means the element that it matched. */
  readonly filter?: Filter.Filter | undefined
}

type Parts = ReadonlyArray<string>

/** What is said of one field. */
type Entry =
  | { readonly kind: "include" | "exclude"; readonly parts: Parts }
  | { readonly kind: "positional"; readonly parts: Parts }
  | { readonly kind: "slice"; readonly parts: Parts; readonly slice: Slice }
  | { readonly kind: "elemMatch"; readonly parts: Parts; readonly condition: Document }
  | { readonly kind: "compute"; readonly parts: Parts; readonly spec: unknown }

/** Compiles a projection; fails for a wrong one before any document is looked at. */
export const compile = (spec: unknown, options: Options = {}): Projection => {
  if (!isDocument(spec)) return invalid("a projection must be an object")
  const entries = entriesOf(spec, [])
  checkPositional(entries)
  const isInclusion = includes(entries)
  const root = tree()
  const after: Array<Post> = []
  for (const entry of entries) add(root, after, entry, isInclusion, options)
  if (isInclusion && !entries.some(({ parts }) => parts[0] === "_id")) list(root, ["_id"])
  return projecting(isInclusion ? including(root) : excluding(root), after, options)
}

type Made = (document: Document, frame: Expression.Frame) => Document

const projecting = (made: Made, after: ReadonlyArray<Post>, options: Options): Projection => {
  const own = frameIn(options)
  return {
    apply: (document, frame = own) => {
      frame.root = document
      let out = made(document, frame)
      for (const change of after) out = change(out, document, frame)
      return out
    }
  }
}

const including =
  (root: Tree): Made =>
  (document, frame) =>
    idFirst(withComputed(root, kept(root, document), frame))

const excluding = (root: Tree): Made =>
  root.listed.size === 0 && root.children.size === 0
    ? (document, frame) => withComputed(root, document, frame)
    : (document, frame) => withComputed(root, without(root, document), frame)

// what is said

const entriesOf = (spec: Document, before: Parts): ReadonlyArray<Entry> =>
  Object.entries(spec).flatMap(([name, value]): ReadonlyArray<Entry> => {
    if (/(?:^|\.)\$(?:\.|$)/.test(name)) return [positionalEntry(name, value, before)]
    const parts = [...before, ...parse(name)]
    const isKept = switchOf(value)
    if (isKept !== undefined) return [{ kind: isKept ? "include" : "exclude", parts }]
    return isDocument(value) ? objectEntries(value, parts) : [{ kind: "compute", parts, spec: value }]
  })

/** Whether a field is included; `undefined` for what is neither a number nor a boolean. */
const switchOf = (value: unknown): boolean | undefined =>
  typeof value === "boolean" ? value : isNumeric(value) ? !isZero(value) : undefined

const positionalEntry = (name: string, value: unknown, before: Parts): Entry => {
  if (switchOf(value) !== true) {
    invalid(
      `the positional projection '${name}' takes 1 or true, and no other value`,
      isDocument(value) ? 31271 : 31308
    )
  }
  const [path = "", rest] = name.split(/\.\$(?:\.|$)/)
  if (rest !== "" || name.endsWith(".")) invalid(`the positional '$' ends its path once: '${name}'`, 31287)
  return { kind: "positional", parts: [...before, ...parse(path)] }
}

const objectEntries = (value: Document, parts: Parts): ReadonlyArray<Entry> => {
  const names = Object.keys(value)
  const [name] = names
  if (name === undefined) return invalid(`the projection of '${parts.join(".")}' is an empty object`, 51270)
  if (names.length > 1 || !name.startsWith("$")) return entriesOf(value, parts)
  const argument = fieldOf(value, name)
  if (name === "$elemMatch") return [elemMatchEntry(argument, parts)]
  const slice = name === "$slice" ? sliceOf(argument) : undefined
  return [slice === undefined ? { kind: "compute", parts, spec: value } : { kind: "slice", parts, slice }]
}

const elemMatchEntry = (argument: unknown, parts: Parts): Entry => {
  if (!isDocument(argument)) return invalid("$elemMatch takes an object in a projection", 31274)
  if (parts.length > 1)
    invalid(`$elemMatch cannot be used on the nested field '${parts.join(".")}' in a projection`, 31275)
  return { kind: "elemMatch", parts, condition: argument }
}

/** The `$slice` of projections; `undefined` for that of expressions, which names its array. */
const sliceOf = (argument: unknown): Slice | undefined => {
  if (isNumeric(argument)) return { skip: undefined, limit: whole(argument) }
  if (!Array.isArray(argument)) return invalid("$slice takes a number, or a number to skip and a limit", 31273)
  const [skip, limit]: ReadonlyArray<unknown> = argument
  if (argument.length !== 2 || !isNumeric(skip) || !isNumeric(limit)) return undefined
  if (whole(limit) <= 0) invalid("the limit of $slice must be positive", 31259)
  return { skip: whole(skip), limit: whole(limit) }
}

const whole = (value: Parameters<typeof toDouble>[0]): number => {
  const number = Math.trunc(toDouble(value))
  return Number.isNaN(number) ? 0 : number
}

const isId = ({ parts }: Entry): boolean => parts.length === 1 && parts[0] === "_id"

/** Whether what is not named is left out. `_id` alone decides only where nothing else does. */
const includes = (entries: ReadonlyArray<Entry>): boolean => {
  const said = entries.filter((entry) => !isId(entry) || entry.kind === "compute")
  const included = said.find(({ kind }) => kind === "include" || kind === "positional" || kind === "compute")
  const excluded = said.find(({ kind }) => kind === "exclude")
  if (included !== undefined && excluded !== undefined) {
    const path = excluded.parts.join(".")
    invalid(`the field '${path}' cannot be excluded by a projection that includes or computes others`, 31254)
  }
  if (included !== undefined) return true
  if (excluded !== undefined) return false
  if (entries.some(({ kind }) => kind === "elemMatch") && !entries.some(({ kind }) => kind === "slice")) return true
  return entries.some((entry) => isId(entry) && entry.kind === "include")
}

/** There is one element that the filter matched, and one way to ask for elements. */
const checkPositional = (entries: ReadonlyArray<Entry>): void => {
  const count = entries.filter(({ kind }) => kind === "positional").length
  if (count > 1) invalid("a projection has at most one positional '$'", 31276)
  if (count > 0 && entries.some(({ kind }) => kind === "elemMatch")) {
    invalid("a projection has either a positional '$' or $elemMatch, and not both", 31255)
  }
}

// what is done

const add = (root: Tree, after: Array<Post>, entry: Entry, isInclusion: boolean, options: Options): void => {
  const { parts } = entry
  switch (entry.kind) {
    case "include":
      if (isInclusion) list(root, parts)
      return
    case "exclude":
      if (!isInclusion) list(root, parts)
      return
    case "compute":
      return computeField(root, parts, Expression.compile(entry.spec, scopeIn(options)))
    case "elemMatch":
      return computeField(root, parts, elementOf(parts[0] ?? "", entry.condition, options))
    case "slice":
      if (isInclusion) list(root, parts)
      after.push(sliced(parts, entry.slice))
      return
    case "positional":
      list(root, parts)
      after.push(positional(parts, matchedBy(parts, options.filter)))
  }
}

/** The first element of an array that a condition accepts, in an array. */
const elementOf = (name: string, condition: Document, surroundings: Surroundings): Expression.Expression => {
  const filter = Filter.compile({ [name]: { $elemMatch: condition } }, surroundings)
  return {
    isConstant: false,
    evaluate: ({ root }) => {
      if (!isDocument(root)) return undefined
      const index = filter.matchedIndex(root)
      const values = fieldOf(root, name)
      return index === undefined || !Array.isArray(values) ? undefined : [values[index]]
    }
  }
}

const matchedBy = (parts: Parts, filter: Filter.Filter | undefined) => {
  const path = parts.join(".")
  if (filter === undefined) return invalid(`the positional projection '${path}.$' needs a filter`, 51050)
  return (document: Document, frame: Expression.Frame): number => {
    const index = filter.matchedIndex(document, frame) ?? -1
    return index >= 0 ? index : failed(`the positional '$' of '${path}.$' found no element that matched`, 51246)
  }
}
