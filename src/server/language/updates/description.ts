/**
 * What an update changed, as the `updateDescription` of a change event says it.
 *
 * MongoDB writes an update to its log as a tree of the places that changed, and makes the description of it: the fields of
 * a document that got another value, then the new ones, then those that went, then what changed inside of fields.
 */
import { define } from "../Value.ts"
import type { Document, Value } from "../Value.ts"

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

/** What changed at one place. */
export type Delta =
  | { readonly kind: "set" | "added"; readonly value: Value }
  | { readonly kind: "gone" }
  | DeltaOfFields
  | DeltaOfElements

/** What changed inside of a document. */
export interface DeltaOfFields {
  readonly kind: "fields"
  readonly children: ReadonlyArray<readonly [name: string, delta: Delta]>
}

/** What changed inside of an array, in the order of the elements. */
export interface DeltaOfElements {
  readonly kind: "elements"
  readonly children: ReadonlyArray<readonly [index: number, delta: Delta]>
  /** Its number of elements, if that got smaller. */
  readonly newSize?: number
}

/** Gathers changes by their paths. */
class Gathered implements UpdateDescription {
  readonly updatedFields: Document = {}
  readonly removedFields: Array<string> = []
  readonly truncatedArrays: Array<TruncatedArray> = []

  add(path: string, delta: Delta): void {
    switch (delta.kind) {
      case "set":
      case "added":
        return define(this.updatedFields, path, delta.value)
      case "gone":
        this.removedFields.push(path)
        return
      case "fields":
        return this.fields(`${path}.`, delta)
      case "elements":
        if (delta.newSize !== undefined) this.truncatedArrays.push({ field: path, newSize: delta.newSize })
        for (const [index, child] of delta.children) this.add(`${path}.${index}`, child)
    }
  }

  fields(prefix: string, { children }: DeltaOfFields): void {
    for (const kinds of order) {
      for (const [name, delta] of children) if (kinds.includes(delta.kind)) this.add(prefix + name, delta)
    }
  }
}

const order: ReadonlyArray<ReadonlyArray<Delta["kind"]>> = [["set"], ["added"], ["gone"], ["fields", "elements"]]

/** The description of what changed in a document. */
export const describe = (delta: DeltaOfFields): UpdateDescription => {
  const gathered = new Gathered()
  gathered.fields("", delta)
  const { removedFields, truncatedArrays, updatedFields } = gathered
  return { updatedFields, removedFields, truncatedArrays }
}
