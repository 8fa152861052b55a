/** `$setWindowFields`: fields that are computed from the rows around each document. */
import { make } from "../budget.ts"
import type { Collation } from "../Collation.ts"
import * as Expression from "../Expression.ts"
import type { Frame } from "../Expression.ts"
import { failed, invalid } from "../LanguageError.ts"
import { reader } from "../paths.ts"
import * as Sort from "../Sort.ts"
import { isDocument, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import type { Rows, Sorting } from "../windows.ts"
import { compileFunction } from "../windows/functions.ts"
import type { WindowFunction } from "../windows/WindowFunction.ts"
import { computeField, pathParts, tree, withComputed } from "./fields.ts"
import type { Tree } from "./fields.ts"
import { Groups } from "./Groups.ts"
import { all, frameFor } from "./Stage.ts"
import type { All, Compile, Place } from "./Stage.ts"

const unknownField = (name: string): never =>
  invalid(`BSON field '$setWindowFields.${name}' is an unknown field.`, 40415)

const wrongType = (name: string, value: Value): never =>
  invalid(`BSON field '$setWindowFields.${name}' is the wrong type '${typeOf(value)}', expected type 'object'`, 14)

/** The documents that belong together, in the order of their keys. */
const partitionsOf = (
  documents: Iterable<Document>,
  key: ((frame: Frame) => Value) | undefined,
  frame: Frame,
  collation: Collation
): ReadonlyArray<ReadonlyArray<Document>> => {
  const groups = new Groups<Array<Document>>(collation)
  const found: Array<{ readonly key: Value; readonly documents: Array<Document> }> = []
  for (const document of documents) {
    make()
    frame.root = document
    const value = key?.(frame) ?? null
    if (Array.isArray(value)) failed("An expression used to partition cannot evaluate to value of type array", 14)
    const group = groups.get(value)
    if (group !== undefined) group.push(document)
    else {
      const made = [document]
      groups.set(value, made)
      found.push({ key: value, documents: made })
    }
  }
  return found.toSorted((a, b) => collation.compare(a.key, b.key)).map((group) => group.documents)
}

interface Output {
  readonly root: Tree
  readonly functions: ReadonlyArray<WindowFunction>
}

/** Each function writes to its own path; the values of a row stand in slots of a frame. */
const outputOf = (spec: Document, { scope }: Place, sorting: Sorting): Output => {
  const root = tree()
  const functions = Object.entries(spec).map(([path, value], i) => {
    computeField(root, pathParts(path), { evaluate: (frame) => frame.slots[i], isConstant: false })
    return compileFunction(path, value, scope, sorting)
  })
  return { root, functions }
}

const sortingOf = (sort: Sort.Sort | undefined): Sorting => ({
  isSorted: sort !== undefined && sort.fields.length > 0,
  isSingle: sort?.fields.length === 1,
  ascending: sort?.fields[0]?.direction === 1
})

/** The stage from what it is given; `$fill` uses it too. */
export const windowStage = (spec: Document, place: Place): All => {
  const { partitionBy, sortBy, output } = spec
  if (sortBy !== undefined && !isDocument(sortBy)) return wrongType("sortBy", sortBy)
  if (output === undefined)
    return invalid("BSON field '$setWindowFields.output' is missing but a required field", 40414)
  if (!isDocument(output)) return wrongType("output", output)
  const sort = sortBy === undefined ? undefined : Sort.compile(sortBy, place.scope)
  const key = partitionBy === undefined ? undefined : Expression.compile(partitionBy, place.scope)
  const { root, functions } = outputOf(output, place, sortingOf(sort))
  const [field] = sort?.fields ?? []
  const sortValue = field !== undefined && sort?.fields.length === 1 ? reader(field.path) : undefined
  return all(function* (documents, run) {
    const frame = frameFor(run)
    for (const partition of partitionsOf(documents, key?.evaluate, frame, place.scope.collation)) {
      const sorted = sort === undefined ? partition : sort.sorted(partition)
      const rows: Rows = { documents: sorted, sortValues: sortValue === undefined ? [] : sorted.map(sortValue) }
      const columns = functions.map((compute) => compute(rows, frame))
      const slots: Array<Value> = []
      const row: Frame = { ...frameFor(run), slots }
      for (const [i, document] of sorted.entries()) {
        columns.forEach((column, at) => {
          slots[at] = column[i]
        })
        yield withComputed(root, document, row)
      }
    }
  })
}

export const setWindowFields: Compile = (argument, place) => {
  if (!isDocument(argument))
    return invalid(`the $setWindowFields stage specification must be an object, found ${typeOf(argument)}`, 9)
  for (const name of Object.keys(argument)) if (!["partitionBy", "sortBy", "output"].includes(name)) unknownField(name)
  return windowStage(argument, place)
}
