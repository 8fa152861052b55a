/**
 * Chooses how the documents of an operation are found: by the key of an `_id`, by an index, or by looking at all.
 *
 * What is found may be too much, since the filter is evaluated for each document, and never too little. Without a sort
 * order, documents come in the order of insertion, as without an index: no index changes an answer.
 */
import { spend } from "../../language/budget.ts"
import type { Condition, Conditions, FieldCondition } from "../../language/Filter.ts"
import type { Sort } from "../../language/Sort.ts"
import { keyOf } from "../../language/Value.ts"
import { ofId } from "../Index.ts"
import { isPoint, ofField } from "./bounds.ts"
import type { MemoryCollection } from "./documents.ts"
import type { Entry, OrderedIndex, Scan } from "./orderedIndex.ts"

/** What an operation asks for. */
export interface Request {
  readonly conditions: Conditions
  readonly sort?: Sort | undefined
  /** How many documents are needed at most, of those that match. */
  readonly limit?: number | undefined
}

/** A way to the documents. */
export interface Plan {
  /** The names of the indexes. */
  readonly indexes: ReadonlyArray<string>
  /** The order in which the documents come: that of insertion, that of the sort, or none, with repetitions. */
  readonly order: "places" | "sort" | "none"
  readonly entries: () => Iterable<Entry>
  /** The keys of the `_id`s, if the documents are found by these. */
  readonly ids?: ReadonlyArray<string>
}

/** Conditions by their paths, and the alternatives. */
interface Asked {
  readonly fields: ReadonlyMap<string, ReadonlyArray<FieldCondition>>
  readonly any: ReadonlyArray<Extract<Condition, { readonly kind: "any" }>>
}

const askedOf = (conditions: Conditions): Asked => {
  const fields = new Map<string, Array<FieldCondition>>()
  const any: Array<Extract<Condition, { readonly kind: "any" }>> = []
  for (const condition of conditions) {
    if (condition.kind === "any") any.push(condition)
    else {
      const same = fields.get(condition.path)
      if (same === undefined) fields.set(condition.path, [condition])
      else same.push(condition)
    }
  }
  return { fields, any }
}

/** The bounds of a search in one index. */
interface Bounds {
  readonly scans: ReadonlyArray<Scan>
  /** How many fields have one value, in each scan. */
  readonly equal: number
  /** How many fields are bound. */
  readonly bound: number
}

/** Lists of values multiply: more combinations than that are not looked up one by one. */
const mostCombinations = 1_000

/** The bounds of an index by the fields that it begins with. */
const boundsOf = (index: OrderedIndex, { fields }: Asked): Bounds => {
  let prefixes: ReadonlyArray<ReadonlyArray<unknown>> = [[]]
  let equal = 0
  const arrays = new Set<string>()
  for (const [i, { direction, path }] of index.fields.entries()) {
    const hasArrays = index.hasArrays(i)
    const [root = ""] = path.split(".")
    // conditions of two fields of an array may be fulfilled by different elements, which have different keys
    if (hasArrays && arrays.has(root)) break
    if (hasArrays) arrays.add(root)
    const intervals = ofField(fields.get(path) ?? [], hasArrays)
    if (intervals === undefined) break
    if (prefixes.length > 1 && prefixes.length * intervals.length > mostCombinations) break
    const inOrder = direction === 1 ? intervals : intervals.toReversed()
    if (!inOrder.every(isPoint)) {
      const scans = prefixes.flatMap((prefix) => inOrder.map((interval) => index.scanOf(prefix, interval)))
      return { scans, equal, bound: i + 1 }
    }
    prefixes = prefixes.flatMap((prefix) => inOrder.map(({ low }) => prefix.concat([low.value])))
    equal = i + 1
  }
  return { scans: prefixes.map((prefix) => index.scanOf(prefix, undefined)), equal, bound: equal }
}

/** Whether an index has all documents that fulfil the conditions of its first fields: a sparse one lacks some. */
const hasAll = ({ fields, index }: OrderedIndex, asked: Asked, bound: number): boolean =>
  !index.sparse || fields.slice(0, bound).some(({ path }) => asked.fields.get(path)?.some(isOfValues) === true)

/** Whether a condition is fulfilled by no missing value. */
const isOfValues = (condition: FieldCondition): boolean =>
  condition.kind === "order" || !condition.values.includes(null)

function* scanned(index: OrderedIndex, scans: ReadonlyArray<Scan>): Iterable<Entry> {
  for (const scan of scans) {
    for (const entry of index.scan(scan)) {
      spend()
      yield entry
    }
  }
}

const byIndex = (index: OrderedIndex, asked: Asked): Plan | undefined => {
  const { bound, equal, scans } = boundsOf(index, asked)
  if (bound === 0 || !hasAll(index, asked, bound)) return undefined
  // documents with the same key are in the order of insertion
  const isInPlace = scans.length === 0 || (scans.length === 1 && equal === index.fields.length)
  return {
    indexes: [index.index.name],
    order: isInPlace ? "places" : "none",
    entries: () => scanned(index, scans)
  }
}

/** By `_id`s, each of which is looked up. */
const byId = ({ documents }: MemoryCollection, conditions: ReadonlyArray<FieldCondition>): Plan | undefined => {
  const lists = conditions.flatMap((condition) => (condition.kind === "in" ? [condition.values] : []))
  const [first] = lists.toSorted((a, b) => a.length - b.length)
  if (first === undefined) return undefined
  const ids = [...new Set(first.map(keyOf))]
  return {
    indexes: [ofId.name],
    order: ids.length === 1 ? "places" : "none",
    ids,
    entries: () => ids.map((id) => documents.get(id)).filter((it) => it !== undefined)
  }
}

/** By the indexes of all branches. */
const byBranches = (data: MemoryCollection, branches: ReadonlyArray<Conditions>): Plan | undefined => {
  const plans = branches.map((branch) => search(data, branch))
  if (!plans.every((plan) => plan !== undefined)) return undefined
  return {
    indexes: [...new Set(plans.flatMap(({ indexes }) => indexes))],
    order: "none",
    *entries() {
      for (const plan of plans) yield* plan.entries()
    }
  }
}

/** The plan that finds the fewest documents: all are tried in turns, and the first that is done wins. */
const fewest = (plans: ReadonlyArray<Plan>): Plan | undefined => {
  const [only, ...others] = plans
  if (others.length === 0) return only
  const trials = plans.map((plan) => ({ plan, found: Array<Entry>(), rest: plan.entries()[Symbol.iterator]() }))
  while (true) {
    for (const { found, plan, rest } of trials) {
      const { done, value } = rest.next()
      if (done === true) return { ...plan, entries: () => found }
      found.push(value)
    }
  }
}

/** The plan of a search by conditions. */
const search = (data: MemoryCollection, conditions: Conditions): Plan | undefined => {
  const asked = askedOf(conditions)
  const ofIds = asked.fields.get("_id") ?? []
  const plans = [
    byId(data, ofIds) ?? (ofIds.length === 0 ? undefined : byIndex(data.ids, asked)),
    ...Array.from(data.ordered, (index) => byIndex(index, asked)),
    ...asked.any.map(({ branches }) => byBranches(data, branches))
  ]
  return fewest(plans.filter((plan) => plan !== undefined))
}

/** How an index puts documents in the order of a sort: its direction, and where the fields of the sort begin in it. */
const sortsBy = (index: OrderedIndex, { fields, isReversed, isSimple }: Sort, equal: number): 1 | -1 | undefined => {
  if (fields.length === 0 || isReversed || !isSimple || index.index.sparse) return undefined
  // a document with several keys would come at the first of those within the bounds
  if (index.fields.some((_, i) => index.hasArrays(i))) return undefined
  for (let skipped = 0; skipped <= equal; skipped++) {
    const same = fields.map(({ direction, path }, i) => {
      const field = index.fields[skipped + i]
      return field?.path === path ? field.direction * direction : 0
    })
    const [first = 0] = same
    if (first !== 0 && same.every((it) => it === first)) return first === 1 ? 1 : -1
  }
  return undefined
}

/** Documents that the sort does not tell apart stay in the order of insertion. */
function* inRuns(entries: Iterable<Entry>, sort: Sort): Iterable<Entry> {
  let run: Array<Entry> = []
  let runKey: unknown
  for (const entry of entries) {
    const key = sort.keyOf(entry.document)
    if (run.length > 0 && sort.compareKeys(key, runKey) !== 0) {
      yield* run.toSorted(byPlace)
      run = []
    }
    runKey = key
    run.push(entry)
  }
  yield* run.toSorted(byPlace)
}

export const byPlace = (a: { readonly place: number }, b: { readonly place: number }): number =>
  a.place === b.place ? 0 : a.place - b.place

/** By an index in the order of the sort. */
const inOrder = (index: OrderedIndex, asked: Asked, sort: Sort): (Plan & { readonly bound: number }) | undefined => {
  const { bound, equal, scans } = boundsOf(index, asked)
  // several values of a field are several parts, each in order
  const isOne = scans.length <= 1
  const direction = sortsBy(index, sort, isOne ? equal : 0)
  if (direction === undefined) return undefined
  const entries = function* () {
    for (const scan of direction === 1 ? scans : scans.toReversed()) {
      for (const entry of direction === 1 ? index.scan(scan) : index.scanBack(scan)) {
        spend()
        yield entry
      }
    }
  }
  return { indexes: [index.index.name], order: "sort", entries: () => inRuns(entries(), sort), bound }
}

/** Counts what a plan finds, up to a number. */
export const countUpTo = (plan: Plan, most: number): number => {
  let count = 0
  for (const _ of plan.entries()) if (++count >= most) break
  return count
}

/**
 * The plan of a request; `undefined` to look at all documents. With a limit, an index in the order of the sort is read
 * only as far as needed: if as many documents of it match as of the whole collection, it has to read `limit / share`.
 */
export const planOf = (data: MemoryCollection, { conditions, limit, sort }: Request): Plan | undefined => {
  const found = search(data, conditions)
  const isSorted = sort !== undefined && sort.fields.length > 0
  if (!isSorted) return found
  const asked = askedOf(conditions)
  const sorting = [...data.ordered, ...(isById(sort) ? [data.ids] : [])]
    .map((index) => inOrder(index, asked, sort))
    .filter((plan) => plan !== undefined)
    .toSorted((a, b) => b.bound - a.bound)[0]
  if (sorting === undefined) return found
  const size = data.documents.size
  if (limit === undefined || limit >= size) return found
  if (found === undefined) return sorting
  const most = Math.ceil(Math.sqrt(limit * size))
  return countUpTo(found, most) < most ? found : sorting
}

const isById = ({ fields }: Sort): boolean => fields[0]?.path === "_id"
