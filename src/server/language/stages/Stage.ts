/** What a stage is compiled in, and what a compiled stage is. */
import type { CollectionTarget, Environment } from "../Environment.ts"
import { frameOf } from "../Expression.ts"
import type { Frame, Scope } from "../Expression.ts"
import type { Conditions } from "../Filter.ts"
import type { Sort } from "../Sort.ts"
import type { Document, Value } from "../Value.ts"

/** What a pipeline runs with: the environment, and the values of the variables that the pipelines around it added. */
export interface Run {
  readonly environment: Environment
  readonly added: ReadonlyArray<Value>
}

/** A stage that makes at most one document of each. */
export interface Each {
  readonly kind: "each"
  /** Prepares a run; what it returns answers undefined where a document is dropped. */
  readonly open: (run: Run) => (document: Document) => Document | undefined
  /** Of `$match`: what each document that is passed on fulfils. */
  readonly conditions?: Conditions
}

/** A stage that sees all documents. */
export interface All {
  readonly kind: "all"
  readonly run: (documents: Iterable<Document>, run: Run) => Iterable<Document>
  /** Of `$limit`: how many documents are passed on at most. */
  readonly limit?: number
  /** Of `$skip`: how many documents are passed over. */
  readonly skip?: number
  /** Of `$sort`: the same stage, where only the first ones of the order are needed. */
  readonly first?: (most: number) => All
  /** Of `$sort`: the order that it makes, and how many documents of it are needed at most. */
  readonly sort?: Sort
  readonly most?: number
}

export type Stage = Each | All

/** The writes that `$out` and `$merge` ask for; the store makes them. */
export interface Output {
  readonly target: CollectionTarget
  /** `$out` replaces the collection; `$merge` joins documents one by one. */
  readonly mode: "replace" | "merge"
  /** The fields by which a document finds the one it is merged with. */
  readonly on: ReadonlyArray<string>
  /** What becomes of a document that finds none. */
  readonly whenNotMatched: "insert" | "discard" | "fail"
  /** What becomes of the document that was found: the new one; undefined to keep it, an error to fail. */
  readonly whenMatched: (existing: Document, added: Document) => Document | undefined
}

/** What a stage is compiled with. */
export interface Place {
  readonly environment: Environment
  readonly scope: Scope
  /** The stages around the pipeline: `["$lookup", "$facet"]`. */
  readonly within: ReadonlyArray<string>
  /** Notes a collection that the pipeline reads. */
  readonly reads: (target: CollectionTarget) => void
  /** Notes what the pipeline writes. */
  readonly writes: (output: Output) => void
  /** Compiles a pipeline inside of this one. */
  readonly pipeline: (stages: Value, stage: string, scope: Scope) => Inner
}

/** A pipeline inside of another one. */
export interface Inner {
  readonly run: (documents: Iterable<Document>, run: Run) => Iterable<Document>
  /** Whether the pipeline begins with a stage that makes documents itself. */
  readonly isSource: boolean
  /** What each document that it needs fulfils. */
  readonly conditions: Conditions
}

/** Compiles the argument of a stage. */
export type Compile = (argument: Value, place: Place, name: string) => Stage | ReadonlyArray<Stage>

/** A frame for the expressions of a stage; the stage sets its root for each document. */
export const frameFor = (run: Run): Frame => frameOf(run.environment, undefined, run.added)

/** A stage from what it does with one document. */
export const each = (step: (document: Document, frame: Frame) => Document | undefined): Each => ({
  kind: "each",
  open: (run) => {
    const frame = frameFor(run)
    return (document) => {
      frame.root = document
      return step(document, frame)
    }
  }
})

/** A stage from what it does with all documents. */
export const all = (run: All["run"]): All => ({ kind: "all", run })
