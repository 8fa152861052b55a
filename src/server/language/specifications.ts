/** What parts of a specification are. */
import { isDocument } from "./Value.ts"
import type { Document, Value } from "./Value.ts"

/** Whether a value is a document of operators: its first name begins with `$`. */
export const isOfOperators = (value: Value): value is Document => {
  const [name] = isDocument(value) ? Object.keys(value) : []
  return name?.startsWith("$") ?? false
}
