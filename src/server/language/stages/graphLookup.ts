/** `$graphLookup`: the documents that are reached from each document, step by step. */
import { Long } from "bson"
import { make } from "../budget.ts"
import type { Collation } from "../Collation.ts"
import type { CollectionTarget } from "../Environment.ts"
import * as Expression from "../Expression.ts"
import * as Filter from "../Filter.ts"
import { invalid } from "../LanguageError.ts"
import { isNumber, toWhole } from "../numbers.ts"
import { isDocument, keyOf, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { pathParts } from "./fields.ts"
import { searchOf, targetOf } from "./joined.ts"
import { Index, valuesAt } from "./keys.ts"
import { frameFor } from "./Stage.ts"
import type { Compile, Place, Run } from "./Stage.ts"
import { withPlain } from "./unwind.ts"

const options = [
  "from",
  "startWith",
  "connectFromField",
  "connectToField",
  "as",
  "maxDepth",
  "depthField",
  "restrictSearchWithMatch"
]

interface Graph {
  readonly target: CollectionTarget
  readonly start: Expression.Expression
  readonly from: ReadonlyArray<string>
  readonly to: string
  readonly as: ReadonlyArray<string>
  readonly mostDepth: number
  readonly depthField: ReadonlyArray<string> | undefined
  readonly filter: Filter.Filter | undefined
  readonly collation: Collation
}

const pathOption = (argument: Document, name: string): ReadonlyArray<string> => {
  const value = argument[name]
  if (typeof value !== "string") {
    return invalid(`expected string as argument for ${name}, found: ${typeOf(value)}`, 40103)
  }
  return pathParts(value)
}

const depthOf = (value: Value): number => {
  if (value === undefined) return Infinity
  if (!isNumber(value)) return invalid(`maxDepth must be numeric, found type: ${typeOf(value)}`, 40100)
  const depth = toWhole(value)
  if (depth === undefined) return invalid("maxDepth could not be represented as a long long", 40102)
  return depth < 0 ? invalid(`maxDepth requires a nonnegative argument, found: ${depth}`, 40101) : depth
}

const graphOf = (argument: Value, { scope, environment, reads }: Place): Graph => {
  if (!isDocument(argument)) return invalid("the $graphLookup stage specification must be an object", 40327)
  const unknown = Object.keys(argument).find((name) => !options.includes(name))
  if (unknown !== undefined) invalid(`Unknown argument to $graphLookup: ${unknown}`, 40104)
  for (const name of options.slice(0, 5)) {
    if (!Object.hasOwn(argument, name)) {
      invalid(
        `$graphLookup requires 'from', 'as', 'startWith', 'connectFromField', and 'connectToField' to be specified: '${name}' is missing`,
        40105
      )
    }
  }
  const restriction = argument["restrictSearchWithMatch"]
  if (restriction !== undefined && !isDocument(restriction)) {
    invalid(`restrictSearchWithMatch must be an object, found ${typeOf(restriction)}`, 40185)
  }
  const target = targetOf(argument["from"], "$graphLookup", "from")
  reads(target)
  return {
    target,
    collation: scope.collation,
    start: Expression.compile(argument["startWith"], scope),
    from: pathOption(argument, "connectFromField"),
    to: pathOption(argument, "connectToField").join("."),
    as: pathOption(argument, "as"),
    mostDepth: depthOf(argument["maxDepth"]),
    depthField: argument["depthField"] === undefined ? undefined : pathOption(argument, "depthField"),
    filter: restriction === undefined ? undefined : Filter.compile(restriction, { environment, scope })
  }
}

/** What finds the documents that are one step away, and tells them apart. */
interface Steps {
  /** The documents with one of several values, in their own order. */
  readonly next: (values: ReadonlyArray<Value>) => ReadonlyArray<Document>
  readonly keyOf: (document: Document) => unknown
}

/** By an index of the collection if there is one, and else by all of its documents. */
const stepsOf = (graph: Graph, run: Run): Steps => {
  const { collation, filter, target, to } = graph
  const frame = frameFor(run)
  const accepted = (documents: Iterable<Document>) =>
    filter === undefined ? [...documents] : Array.from(documents).filter((it) => filter.matches(it, frame))
  const search = searchOf(run, target, to, collation)
  let all: Index | undefined
  return {
    next: (values) => {
      if (search !== undefined && !values.some(Array.isArray)) {
        return new Index(accepted(search(values)), to, false, collation).of(values)
      }
      all ??= new Index(accepted(run.environment.collection(target, filter?.conditions)), to, false, collation)
      return all.of(values)
    },
    // a document that is shown in part is made each time that it is found
    keyOf: search === undefined ? (document) => document : (document) => keyOf(document["_id"])
  }
}

interface Reached {
  readonly document: Document
  readonly depth: number
}

/** What is reached from some values: each document once, with the least number of steps to it. */
const reached = (graph: Graph, steps: Steps, start: ReadonlyArray<Value>): ReadonlyArray<Document> => {
  const found = new Map<unknown, Reached>()
  const asked = new Set<string>()
  let frontier = start
  for (let depth = 0; depth <= graph.mostDepth && frontier.length > 0; depth++) {
    const values = frontier.filter((value) => {
      const key = graph.collation.keyOf(value)
      return !asked.has(key) && asked.add(key)
    })
    const next: Array<Value> = []
    for (const document of values.length === 0 ? [] : steps.next(values)) {
      const key = steps.keyOf(document)
      if (found.has(key)) continue
      make()
      found.set(key, { document, depth })
      next.push(...valuesAt(document, graph.from))
    }
    frontier = next
  }
  const { depthField } = graph
  return Array.from(found.values(), ({ depth, document }) =>
    depthField === undefined ? document : withPlain(document, depthField, Long.fromNumber(depth))
  )
}

export const graphLookup: Compile = (argument, place) => {
  const graph = graphOf(argument, place)
  return {
    kind: "each",
    open: (run) => {
      const frame = frameFor(run)
      const steps = stepsOf(graph, run)
      return (document) => {
        frame.root = document
        const start = graph.start.evaluate(frame)
        const values = start === undefined ? [] : Array.isArray(start) ? start : [start]
        return withPlain(document, graph.as, reached(graph, steps, values))
      }
    }
  }
}
