/** `$lookup`: the documents of another collection that belong to each document. */
import { make } from "../budget.ts"
import type { Collation } from "../Collation.ts"
import type { CollectionTarget } from "../Environment.ts"
import * as Expression from "../Expression.ts"
import type { Frame, Scope } from "../Expression.ts"
import { invalid } from "../LanguageError.ts"
import { isDocument, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { Candidates, leadingEquality } from "./equalities.ts"
import type { Equality } from "./equalities.ts"
import { pathParts } from "./fields.ts"
import { searchOf, targetOf } from "./joined.ts"
import { Index, valuesAt } from "./keys.ts"
import { frameFor } from "./Stage.ts"
import type { Compile, Inner, Place, Run } from "./Stage.ts"
import { plainValue, withPlain } from "./unwind.ts"

const options = new Set(["from", "localField", "foreignField", "let", "pipeline", "as"])

const textOption = (argument: Document, name: string): string | undefined => {
  const value = argument[name]
  if (value === undefined) return undefined
  if (typeof value !== "string")
    return invalid(`$lookup argument '${name}' must be a string, is type ${typeOf(value)}`, 9)
  return value
}

interface Variables {
  readonly names: ReadonlyArray<string>
  readonly values: ReadonlyArray<(frame: Frame) => Value>
}

/** Compiles a `let`. */
export const variablesOf = (spec: Value, stage: string, scope: Scope): Variables => {
  if (spec === undefined) return { names: [], values: [] }
  if (!isDocument(spec)) return invalid(`${stage} argument 'let' must be an object, is type ${typeOf(spec)}`, 9)
  const names = Object.keys(spec)
  names.forEach(Expression.checkVariableName)
  return { names, values: names.map((name) => Expression.compile(spec[name], scope).evaluate) }
}

interface Join {
  readonly target: CollectionTarget | undefined
  readonly local: ReadonlyArray<string> | undefined
  readonly foreign: string
  readonly as: ReadonlyArray<string>
  readonly variables: Variables
  /** What makes the documents to join with, where that is a `$documents` and no collection. */
  readonly source: Inner | undefined
  readonly inner: Inner | undefined
  readonly equality: Equality | undefined
  /** Whether the inner pipeline has the same result for each document. */
  readonly isUncorrelated: boolean
  readonly collation: Collation
}

const joinOf = (argument: Value, { scope, pipeline, reads }: Place): Join => {
  if (!isDocument(argument)) return invalid("the $lookup specification must be an Object", 40319)
  const unknown = Object.keys(argument).find((name) => !options.has(name))
  if (unknown !== undefined) invalid(`unknown argument to $lookup: ${unknown}`, 9)
  const as = textOption(argument, "as")
  if (as === undefined) return invalid("must specify 'as' field for a $lookup", 9)
  const local = textOption(argument, "localField")
  const foreign = textOption(argument, "foreignField")
  const stages = argument["pipeline"]
  if ((local === undefined) !== (foreign === undefined)) {
    invalid("$lookup requires both or neither of 'localField' and 'foreignField' to be specified", 9)
  }
  if (stages === undefined && (local === undefined || argument["let"] !== undefined)) {
    invalid(
      "$lookup requires either 'pipeline' or both 'localField' and 'foreignField' to be specified, and 'let' with 'pipeline'",
      9
    )
  }
  const target = argument["from"] === undefined ? undefined : targetOf(argument["from"], "$lookup", "from")
  if (target !== undefined) reads(target)
  const variables = variablesOf(argument["let"], "$lookup", scope)
  const whole = stages === undefined ? undefined : pipeline(stages, "$lookup", Expression.bind(scope, variables.names))
  const isSource = whole?.isSource === true && Array.isArray(stages)
  if (target === undefined && !isSource) invalid("must specify 'from' field for a $lookup", 9)
  // with a field to join by, the documents are made first, then joined, and the rest of the pipeline comes last
  const isSplit = isSource && local !== undefined
  const source = isSplit ? pipeline(stages.slice(0, 1), "$lookup", scope) : undefined
  const inner = isSplit ? pipeline(stages.slice(1), "$lookup", Expression.bind(scope, variables.names)) : whole
  return {
    target,
    local: local === undefined ? undefined : pathParts(local),
    foreign: foreign === undefined ? "" : pathParts(foreign).join("."),
    as: pathParts(as),
    variables,
    source,
    inner,
    equality:
      target === undefined || local !== undefined
        ? undefined
        : leadingEquality(stages, variables.names, Expression.bind(scope, variables.names)),
    collation: scope.collation,
    isUncorrelated: local === undefined && variables.names.length === 0 && !isRandom(stages)
  }
}

/** Whether something in a pipeline has another result each time. */
const isRandom = (stages: Value): boolean => {
  if (Array.isArray(stages)) return stages.some(isRandom)
  if (!isDocument(stages)) return false
  return Object.entries(stages).some(
    ([name, value]) => ["$sample", "$rand", "$sampleRate", "$createObjectId"].includes(name) || isRandom(value)
  )
}

/** The documents that belong to one by their fields, looked up by an index of their collection if there is one. */
const byField = (
  { collation, foreign, source, target }: Join,
  local: ReadonlyArray<string>,
  run: Run,
  documents: () => ReadonlyArray<Document>
): ((document: Document) => ReadonlyArray<Document>) => {
  const search = target === undefined || source !== undefined ? undefined : searchOf(run, target, foreign, collation)
  let all: Index | undefined
  return (document) => {
    const value = plainValue(document, local)
    const isPlain = typeof value === "string" || typeof value === "number"
    const found = isPlain ? [value] : valuesAt(document, local)
    const values = found.length === 0 ? [null] : found
    const index =
      search !== undefined && !values.some(Array.isArray)
        ? new Index([...search(values)], foreign, true, collation)
        : (all ??= new Index(documents(), foreign, true, collation))
    return isPlain ? index.ofOne(value) : index.of(values)
  }
}

/** Prepares a run: what finds the documents that belong to one. */
const finder = (join: Join, run: Run): ((document: Document, frame: Frame) => ReadonlyArray<Document>) => {
  const { target, local, source, inner, variables } = join
  let read: ReadonlyArray<Document> | undefined
  const from = target === undefined ? [] : run.environment.collection(target, inner?.conditions)
  const documents = (): ReadonlyArray<Document> => (read ??= [...(source === undefined ? from : source.run(from, run))])
  const candidates = local === undefined ? documents : byField(join, local, run, documents)
  if (inner === undefined) return candidates
  let equal: Candidates | undefined
  const { equality } = join
  const search =
    target === undefined || equality === undefined ? undefined : searchOf(run, target, equality.path, join.collation)
  const likely = (document: Document, within: Run): ReadonlyArray<Document> => {
    if (equality === undefined) return candidates(document)
    const wanted = equality.wanted.evaluate(frameFor(within))
    // to expressions an array is one value, and a missing one is not null
    const isLookedUp = wanted !== undefined && wanted !== null && !Array.isArray(wanted)
    if (search !== undefined && isLookedUp) return [...search([wanted])]
    equal ??= new Candidates(documents(), equality, within, join.collation)
    return equal.of(wanted)
  }
  const found = (document: Document, frame: Frame): ReadonlyArray<Document> => {
    const values = variables.values.map((evaluate) => evaluate(frame))
    const within = { ...run, added: [...run.added, ...values] }
    return [...inner.run(likely(document, within), within)]
  }
  if (!join.isUncorrelated) return found
  let same: ReadonlyArray<Document> | undefined
  return (document, frame) => (same ??= found(document, frame))
}

export const lookup: Compile = (argument, place) => {
  const join = joinOf(argument, place)
  return {
    kind: "each",
    open: (run) => {
      const frame = frameFor(run)
      const find = finder(join, run)
      return (document) => {
        frame.root = document
        const found = find(document, frame)
        make(found.length)
        return withPlain(document, join.as, found)
      }
    }
  }
}
