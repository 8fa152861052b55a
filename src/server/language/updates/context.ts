/** What the modifiers of an update share while one document is changed. */
import { codes, failed, LanguageError } from "../LanguageError.ts"
import { shown } from "../messages.ts"
import type { Document, Value } from "../Value.ts"
import type { Node } from "./tree.ts"

/** What a modifier may need to know beside the value it changes. */
export interface Context {
  /** The document before the update, for messages. */
  document: Document
  /** The time of the operation, for `$currentDate`. */
  readonly now: Date
  /** Whether an upsert inserts the document, for `$setOnInsert`. */
  inserts: boolean
  /** What the positional `$` stands for. */
  matched: () => string
  /** Whether an element is one that an array filter selects. */
  readonly selects: (identifier: string, element: Value) => boolean
  /** The names on the way to the value, the last one of the value itself. */
  readonly path: Array<string>
  /** Notes what array filters and the positional `$` choose, by the path of the value. */
  chosen: Map<string, ReadonlyMap<string, Node>> | undefined
}

/** The document's id for a message. */
export const idShown = (context: Context): string => `{_id: ${shown(context.document["_id"])}}`

/** Throws where a name is not one of a field that could be. */
export const notViable = (context: Context, name: string, value: Value, creates: boolean): never => {
  const parent = context.path.at(-1) ?? ""
  const path = [...context.path, name].join(".")
  return failed(
    creates
      ? `Cannot create field '${name}' in element {${parent}: ${shown(value)}}`
      : `Cannot use the part (${name}) of (${path}) to traverse the element ({${parent}: ${shown(value)}})`,
    pathNotViable
  )
}

const pathNotViable = 28

/** Throws for a change of the `_id`. */
export const immutableId = (): never => {
  throw new LanguageError(
    "failed",
    codes.ImmutableField,
    "Performing an update on the path '_id' would modify the immutable field '_id'"
  )
}
