/** Whether two values are the same to the BSON type: an update that writes what is there changes nothing. */
import { compare, isDocument, typeOf } from "../Value.ts"
import type { Value } from "../Value.ts"

/** Unlike `equals`, an int is not a double, and the fields of documents have the same order. */
export const identical = (a: Value, b: Value): boolean => {
  if (Object.is(a, b)) return true
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((value, i) => identical(value, b[i]))
  if (isDocument(a)) {
    if (!isDocument(b)) return false
    const names = Object.keys(a)
    const others = Object.keys(b)
    return names.length === others.length && names.every((name, i) => name === others[i] && identical(a[name], b[name]))
  }
  const type = typeOf(a)
  if (type !== typeOf(b)) return false
  // decimals that are equal may differ in their digits: 1.0 and 1.00
  if (type === "decimal") return String(a) === String(b)
  return compare(a, b) === 0
}
