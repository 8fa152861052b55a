/** What a filter is compiled to: conditions of documents, and tests of the values at their paths. */
import type { Frame } from "../expressions/Frame.ts"
import { type Leaf, visitor } from "../paths.ts"
import type { Document } from "../Value.ts"
import type { Single } from "./comparisons.ts"

/** What goes along while a document is looked at. */
export interface Run {
  /** What `$expr` is evaluated in. */
  frame: Frame | undefined
  /** Whether the index of the element that matched is asked for. */
  readonly isRecording: boolean
  /** The index of the element by which the last condition of arrays matched, or -1. */
  index: number
}

/** Whether a document is accepted. */
export type Predicate = (document: Document, run: Run) => boolean

/** A condition of a field: of the values at its path, or of one value alone, as inside of `$elemMatch`. */
export interface FieldTest {
  readonly single: Single
  readonly at: (path: string) => Predicate
}

/** Asks one value after the other, and is content with one. */
export const someValue = (single: Single, leaf: Leaf = "elements"): FieldTest => ({
  single,
  at: (path) => {
    const visit = visitor(path, leaf)
    return (document, run) => {
      if (!run.isRecording) return visit(document, single, -1)
      return visit(
        document,
        (value, index) => {
          if (!single(value)) return false
          if (index >= 0) run.index = index
          return true
        },
        -1
      )
    }
  }
})

/** Asks the array at the path, and is told by which of its elements it matched. */
export const someArray = (indexIn: (values: ReadonlyArray<unknown>) => number | undefined): FieldTest => {
  const single: Single = (value) => Array.isArray(value) && indexIn(value) !== undefined
  return {
    single,
    at: (path) => {
      const visit = visitor(path, "whole")
      return (document, run) => {
        if (!run.isRecording) return visit(document, single, -1)
        return visit(
          document,
          (value, outer) => {
            const index = Array.isArray(value) ? indexIn(value) : undefined
            if (index === undefined) return false
            if (outer >= 0 || index >= 0) run.index = outer < 0 ? index : outer
            return true
          },
          -1
        )
      }
    }
  }
}

/** All of several tests, each of which may be content with another value. */
export const every = (tests: ReadonlyArray<FieldTest>): FieldTest => {
  const [first, ...others] = tests
  if (first !== undefined && others.length === 0) return first
  const singles = tests.map(({ single }) => single)
  return {
    single: (value) => singles.every((single) => single(value)),
    at: (path) => all(tests.map((test) => test.at(path)))
  }
}

/** The opposite of a test, of all the values at a path. */
export const not = ({ at, single }: FieldTest): FieldTest => ({
  single: (value) => !single(value),
  at: (path) => none([at(path)])
})

/** A test that no value passes. */
export const never: FieldTest = { single: () => false, at: () => () => false }

/** All of several conditions. */
export const all = (predicates: ReadonlyArray<Predicate>): Predicate => {
  const [first, second, ...others] = predicates
  if (first === undefined) return () => true
  if (second === undefined) return first
  if (others.length === 0) return (document, run) => settled(first(document, run) && second(document, run), run)
  return (document, run) => {
    for (const predicate of predicates) if (!predicate(document, run)) return settled(false, run)
    return true
  }
}

/** What did not match says nothing of an element. */
const settled = (matched: boolean, run: Run): boolean => {
  if (!matched) run.index = -1
  return matched
}

/** What is in a disjunction or negated says nothing of an element that matched. */
const silent = (frame: Frame | undefined): Run => ({ frame, isRecording: false, index: -1 })

const silenced = (run: Run): Run => (run.isRecording ? silent(run.frame) : run)

/** One of several conditions. */
export const any = (predicates: ReadonlyArray<Predicate>): Predicate => {
  const [first, ...others] = predicates
  if (first !== undefined && others.length === 0) return first
  return (document, run) => {
    const quiet = silenced(run)
    for (const predicate of predicates) if (predicate(document, quiet)) return true
    return false
  }
}

/** None of several conditions. */
export const none = (predicates: ReadonlyArray<Predicate>): Predicate => {
  return (document, run) => {
    const quiet = silenced(run)
    for (const predicate of predicates) if (predicate(document, quiet)) return false
    return true
  }
}
