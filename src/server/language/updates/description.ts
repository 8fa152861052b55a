/** What an update changed, as the `updateDescription` of a change event says it. */
import { spend } from "../budget.ts"
import { define, isDocument } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { identical } from "./identical.ts"

/** An array that got shorter. */
export interface TruncatedArray {
  readonly field: string
  readonly newSize: number
}

/** The fields that an update changed, by their paths. */
export interface UpdateDescription {
  readonly updatedFields: Document
  readonly removedFields: ReadonlyArray<string>
  readonly truncatedArrays: ReadonlyArray<TruncatedArray>
}

/** Gathers changes. */
class Changes {
  readonly updatedFields: Document = {}
  readonly removedFields: Array<string> = []
  readonly truncatedArrays: Array<TruncatedArray> = []

  /** A field that has a value now, or none. */
  field(path: string, after: Value): void {
    if (after === undefined) this.removedFields.push(path)
    else define(this.updatedFields, path, after)
  }
}

/** The difference between two versions of a document. */
export const between = (before: Document, after: Document): UpdateDescription => {
  const changes = new Changes()
  compareDocuments(before, after, "", changes)
  return changes
}

/** A field that has moved behind others is told as one that was set, as MongoDB does. */
const compareDocuments = (before: Document, after: Document, path: string, changes: Changes): void => {
  const names = Object.keys(before)
  const others = Object.keys(after)
  const gone = new Set<string>()
  let at = 0
  for (const name of names) {
    spend()
    if (at < others.length && name === others[at]) {
      compareValues(before[name], after[name], `${path}${name}`, changes)
      at++
    } else gone.add(name)
  }
  for (const name of others.slice(at)) {
    spend()
    gone.delete(name)
    changes.field(`${path}${name}`, after[name])
  }
  for (const name of gone) changes.field(`${path}${name}`, undefined)
}

const compareValues = (before: Value, after: Value, path: string, changes: Changes): void => {
  if (before === after) return
  if (isDocument(before) && isDocument(after)) compareDocuments(before, after, `${path}.`, changes)
  else if (Array.isArray(before) && Array.isArray(after)) compareArrays(before, after, path, changes)
  else if (!identical(before, after)) changes.field(path, after)
}

const compareArrays = (
  before: ReadonlyArray<Value>,
  after: ReadonlyArray<Value>,
  path: string,
  changes: Changes
): void => {
  for (const [i, value] of after.entries()) {
    spend()
    compareValues(before[i], value, `${path}.${i}`, changes)
  }
  if (after.length < before.length) changes.truncatedArrays.push({ field: path, newSize: after.length })
}

/** The changes that modifiers made, place by place. */
export const recorder = () => {
  const changes = new Changes()
  const changed = (path: ReadonlyArray<string>, before: Value, after: Value): void => {
    const at = path.join(".")
    if (!Array.isArray(before) || !Array.isArray(after) || !isAppended(before, after)) return changes.field(at, after)
    for (let i = before.length; i < after.length; i++) changes.field(`${at}.${i}`, after[i])
  }
  return { changes, changed }
}

const isAppended = (before: ReadonlyArray<Value>, after: ReadonlyArray<Value>): boolean =>
  before.length > 0 && after.length > before.length && before.every((value, i) => value === after[i])
