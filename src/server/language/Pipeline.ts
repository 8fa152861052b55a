/**
 * Compiles pipelines of aggregation stages. Whatever is wrong with a stage is refused when it is compiled; documents go
 * through the stages one by one as far as the stages allow, so that a `$limit` ends the work before it.
 */
import { spend } from "./budget.ts"
import type { CollectionTarget, Environment } from "./Environment.ts"
import type { Scope } from "./Expression.ts"
import { scopeOf } from "./Expression.ts"
import { checkDepth, mayNest } from "./depth.ts"
import type { Conditions } from "./Filter.ts"
import { codes, invalid, unsupported } from "./LanguageError.ts"
import { isStageOfAtlas, isUnsupportedStage, stages } from "./stages/all.ts"
import { withLimit } from "./stages/order.ts"
import type { Inner, Output, Place, Run, Stage } from "./stages/Stage.ts"
import { partsOf } from "./stages/transforms.ts"
import type { Sort } from "./Sort.ts"
import type { Document, Value } from "./Value.ts"

export type { Output } from "./stages/Stage.ts"

/** A compiled pipeline. */
export interface Pipeline {
  /**
   * The documents that come out; computed while they are read, as far as that is possible. `isSorted` says that those
   * that come in are in the order of `request.sort` already.
   */
  readonly run: (documents: Iterable<Document>, isSorted?: boolean) => Iterable<Document>
  /** The collections that the pipeline reads beside its own, in the order of its stages. */
  readonly reads: ReadonlyArray<CollectionTarget>
  /** The names of all stages, those in inner pipelines too. */
  readonly stages: ReadonlyArray<string>
  /** What is to be done with the documents that come out, where the pipeline ends with `$out` or `$merge`. */
  readonly output: Output | undefined
  /** Whether the pipeline makes its documents itself, with `$documents`. */
  readonly isSource: boolean
  /** What the pipeline needs, for the choice of an index. */
  readonly request: Request
}

/** The documents that a pipeline needs. */
export interface Request {
  /** What each of them fulfils. */
  readonly conditions: Conditions
  /** The order that a `$sort` at the beginning gives to those that its `$match`es accept, and how many of it are needed. */
  readonly sort: Sort | undefined
  readonly limit: number | undefined
}

/** How deep pipelines may stand in one another. */
const mostNested = 20

/** Stages that stand first, and stages that stand last. */
const first = new Set(["$documents"])
const last = new Set(["$out", "$merge"])

/** As in MongoDB. */
const mostStages = 1000

interface Notes {
  readonly reads: Array<CollectionTarget>
  readonly stages: Array<string>
  output: Output | undefined
}

/** Compiles a pipeline. */
export const compile = (pipeline: Value, environment: Environment): Pipeline => {
  const notes: Notes = { reads: [], stages: [], output: undefined }
  const compiled = compileStages(pipeline, environment, scopeOf(environment), [], notes)
  const request = requestOf(compiled.stages)
  const unsorted = compiled.stages.filter(
    (stage) => stage.kind !== "all" || stage.sort === undefined || stage.sort !== request.sort
  )
  const run = (documents: Iterable<Document>, isSorted = false) =>
    runStages(isSorted ? unsorted : compiled.stages, documents, { environment, added: [] })
  return {
    run: mayNest(pipeline) ? (documents, isSorted) => stepping(run(documents, isSorted), [checkDepth]) : run,
    reads: notes.reads,
    stages: notes.stages,
    output: notes.output,
    isSource: compiled.isSource,
    request
  }
}

/** The conditions of the filters at the beginning, and the order behind them. */
const requestOf = (stages: ReadonlyArray<Stage>): Request => {
  const conditions: Array<Conditions[number]> = []
  for (const stage of stages) {
    if (stage.kind === "all") return { conditions, sort: stage.sort, limit: stage.most }
    if (stage.conditions === undefined) break
    conditions.push(...stage.conditions)
  }
  return { conditions, sort: undefined, limit: undefined }
}

interface Compiled {
  readonly stages: ReadonlyArray<Stage>
  readonly isSource: boolean
}

const compileStages = (
  pipeline: Value,
  environment: Environment,
  scope: Scope,
  within: ReadonlyArray<string>,
  notes: Notes
): Compiled => {
  if (!Array.isArray(pipeline)) return invalid("A pipeline is an array of stages", codes.TypeMismatch)
  if (pipeline.length > mostStages) invalid(`Pipeline length must be no longer than ${mostStages} stages`, 7749501)
  if (within.length > mostNested) invalid(`Pipelines are nested too deeply: at most ${mostNested} in one another`, 55)
  const place: Place = {
    environment,
    scope,
    within,
    reads: (target) => notes.reads.push(target),
    writes: (output) => {
      notes.output = output
    },
    pipeline: (inner, stage, innerScope): Inner => {
      const compiled = compileStages(inner, environment, innerScope, [...within, stage], notes)
      return {
        run: (documents, run) => runStages(compiled.stages, documents, run),
        isSource: compiled.isSource,
        conditions: requestOf(compiled.stages).conditions
      }
    }
  }
  const names: Array<string> = []
  const compiled = pipeline.flatMap((stage, i) => {
    const [name, argument] = partsOf(stage)
    checkPlace(name, i, pipeline.length, within)
    names.push(name)
    notes.stages.push(name)
    return compileStage(name, argument, place)
  })
  return { stages: withLimit(compiled), isSource: names[0] === "$documents" }
}

const compileStage = (name: string, argument: Value, place: Place): Stage | ReadonlyArray<Stage> => {
  const stage = Object.hasOwn(stages, name) ? stages[name] : undefined
  if (stage !== undefined) return stage(argument, place, name)
  if (isStageOfAtlas(name))
    return unsupported(`The stage ${name}`, "it belongs to Atlas Search, which only MongoDB Atlas has")
  if (isUnsupportedStage(name)) return unsupported(`The stage ${name}`)
  return invalid(`Unrecognized pipeline stage name: '${name}'`, 40324)
}

const checkPlace = (name: string, index: number, count: number, within: ReadonlyArray<string>): void => {
  if (first.has(name) && index > 0) invalid(`${name} is only valid as the first stage in a pipeline`, 40602)
  if (last.has(name) && index < count - 1) invalid(`${name} can only be the final stage in the pipeline`, 40601)
  const around = within.at(-1)
  if (around === undefined) return
  if (last.has(name)) invalid(`${name} is not allowed to be used within a ${around} stage`, 51047)
  if (around === "$facet" && (name === "$facet" || first.has(name))) {
    invalid(`${name} is not allowed to be used within a $facet stage`, 40600)
  }
}

const runStages = (stages: ReadonlyArray<Stage>, documents: Iterable<Document>, run: Run): Iterable<Document> => {
  let current = documents
  let steps: Array<(document: Document) => Document | undefined> = []
  for (const stage of stages) {
    if (stage.kind === "each") {
      steps.push(stage.open(run))
      continue
    }
    current = stage.run(stepping(current, steps), run)
    steps = []
  }
  return stepping(current, steps)
}

const stepping = (
  documents: Iterable<Document>,
  steps: ReadonlyArray<(document: Document) => Document | undefined>
): Iterable<Document> => (steps.length === 0 ? documents : stepped(documents, steps))

function* stepped(
  documents: Iterable<Document>,
  steps: ReadonlyArray<(document: Document) => Document | undefined>
): Iterable<Document> {
  for (const document of documents) {
    spend(steps.length)
    let current: Document | undefined = document
    for (const step of steps) {
      current = step(current)
      if (current === undefined) break
    }
    if (current !== undefined) yield current
  }
}
