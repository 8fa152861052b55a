/** The keys by which an index knows a document. */
import { codes, failed } from "./LanguageError.ts"
import { parse } from "./paths.ts"
import { elementKeys, inArray, plainReader } from "./sorts/elements.ts"
import type { Document } from "./Value.ts"

/** The values of the indexed fields, in their order: a missing one is null, and an array without elements `undefined`. */
export type IndexKey = ReadonlyArray<unknown>

/** The keys of one document: several if there is an array on a path, one for each of its elements. */
export interface IndexKeys {
  readonly keys: ReadonlyArray<IndexKey>
  /** The positions of the fields that have an array on their path; `undefined` if none has. */
  readonly arrays: ReadonlyArray<number> | undefined
}

/**
 * Compiles what an index knows of a document. Throws for a document with two arrays on its paths that are not the same
 * one, as in MongoDB.
 *
 * Each value that a filter asks at one of the paths is in one of the keys, with null for a missing one and except for
 * arrays; without arrays on the paths, all of them are in the only key. A sparse index has no key for an element that has
 * none of the fields.
 */
export const compile = (fields: ReadonlyArray<string>, sparse: boolean): ((document: Document) => IndexKeys) => {
  const paths = fields.map(parse)
  const readers = paths.map(plainReader)
  const parallel = (): never =>
    failed(`cannot index parallel arrays [${fields.join("] [")}]`, codes.CannotIndexParallelArrays)
  return (document) => {
    const values = readers.map((read) => read(document))
    if (!values.includes(inArray)) {
      const isMissing = sparse && values.every((value) => value === undefined)
      return { keys: isMissing ? [] : [values.map((value) => value ?? null)], arrays: undefined }
    }
    const found = elementKeys(document, paths, parallel)
    return {
      keys: (sparse ? found.filter(({ isMissing }) => !isMissing) : found).map((key) => key.values),
      arrays: [...values.keys()].filter((i) => values[i] === inArray)
    }
  }
}
