/** What the messages of modifiers tell, and what no modifier may do. */
import { codes, failed, LanguageError } from "../LanguageError.ts"
import { shown } from "../messages.ts"
import type { Value } from "../Value.ts"
import type { Context } from "./tree.ts"

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
