/** `$out` and `$merge`: writes the results of a pipeline. */
import { failed } from "../../language/LanguageError.ts"
import type { Output } from "../../language/Pipeline.ts"
import { shown } from "../../language/messages.ts"
import type { Document } from "../Operation.ts"

/** The target collection. */
interface Target {
  readonly matching: (find: { readonly filter: Document; readonly limit?: number }) => ReadonlyArray<Document>
  readonly add: (document: Document) => unknown
  readonly replace: (before: Document, document: Document) => void
  readonly delete: (deletion: { readonly filter: Document; readonly many: boolean }) => unknown
}

/** Writes the results of a pipeline to the target of its last stage. */
export const writeOutput = (output: Output, results: ReadonlyArray<Document>, target: Target): void => {
  if (output.mode === "merge") for (const result of results) merge(output, result, target)
  else {
    target.delete({ filter: {}, many: true })
    for (const result of results) target.add(result)
  }
}

/** The filter of the document to merge a result with; `undefined` if the result has no `_id` yet. */
const filterOf = ({ on }: Output, result: Document): Document | undefined => {
  if (on.includes("_id") && result["_id"] === undefined) return undefined
  return Object.fromEntries(
    on.map((field) => {
      const value = Object.hasOwn(result, field) ? result[field] : undefined
      return value === undefined || value === null
        ? failed(`$merge write error: 'on' field '${field}' cannot be missing, null or undefined`, 51132)
        : [field, { $eq: value }]
    })
  )
}

const merge = (output: Output, result: Document, target: Target): void => {
  const filter = filterOf(output, result)
  const [present, other] = filter === undefined ? [] : target.matching({ filter, limit: 2 })
  if (other !== undefined) failed(`$merge found several documents of one ${output.on.join(", ")}`)
  if (present === undefined) return insert(output, result, target)
  const document = output.whenMatched(present, result)
  if (document !== undefined && document !== present) target.replace(present, document)
}

const insert = ({ whenNotMatched }: Output, result: Document, target: Target): void => {
  if (whenNotMatched === "insert") target.add(result)
  if (whenNotMatched === "fail") {
    failed(`$merge could not find a matching document in the target collection for ${shown(result)}`, 13113)
  }
}
