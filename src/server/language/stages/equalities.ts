/**
 * What a `$lookup` may look up instead of going through all documents: a pipeline that begins with a `$match` of
 * `{ $expr: { $eq: ["$field", "$$variable"] } }`. The pipeline still decides; this only leaves out what it cannot accept.
 */
import * as Expression from "../Expression.ts"
import type { Scope } from "../Expression.ts"
import { make } from "../budget.ts"
import type { Collation } from "../Collation.ts"
import { isDocument } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { Groups } from "./Groups.ts"
import type { Run } from "./Stage.ts"
import { frameFor } from "./Stage.ts"

/** A field of the documents that has to be equal to an expression of variables. */
export interface Equality {
  readonly path: string
  readonly field: Expression.Expression
  readonly wanted: Expression.Expression
}

const isPath = (value: Value): value is string => typeof value === "string" && /^\$[^$]/.test(value)
const isVariable = (value: Value, names: ReadonlyArray<string>): value is string =>
  typeof value === "string" && value.startsWith("$$") && names.includes(value.slice(2).split(".")[0] ?? "")

const equalityIn = (condition: Value, names: ReadonlyArray<string>, scope: Scope): Equality | undefined => {
  if (!isDocument(condition)) return undefined
  const { $and: all, $eq: sides } = condition
  if (Array.isArray(all)) {
    for (const inner of all) {
      const found = equalityIn(inner, names, scope)
      if (found !== undefined) return found
    }
  }
  if (!Array.isArray(sides) || sides.length !== 2) return undefined
  const [field, wanted] = isPath(sides[0]) ? sides : sides.toReversed()
  if (!isPath(field) || !isVariable(wanted, names)) return undefined
  return { path: field.slice(1), field: Expression.compile(field, scope), wanted: Expression.compile(wanted, scope) }
}

/** The equality that a pipeline begins with, if it does; `names` are the variables of the lookup's own `let`. */
export const leadingEquality = (stages: Value, names: ReadonlyArray<string>, scope: Scope): Equality | undefined => {
  const [first] = Array.isArray(stages) ? stages : []
  const filter = isDocument(first) ? first["$match"] : undefined
  return isDocument(filter) ? equalityIn(filter["$expr"], names, scope) : undefined
}

/** Documents by the value of the field. */
export class Candidates {
  readonly #documents: ReadonlyArray<Document>
  readonly #groups: Groups<Array<Document>>

  constructor(documents: ReadonlyArray<Document>, { field }: Equality, run: Run, collation: Collation) {
    this.#documents = documents
    this.#groups = new Groups(collation)
    make(documents.length)
    const frame = frameFor(run)
    for (const document of documents) {
      frame.root = document
      const value = field.evaluate(frame)
      if (value === undefined) continue
      const group = this.#groups.get(value)
      if (group === undefined) this.#groups.set(value, [document])
      else group.push(document)
    }
  }

  /** The documents that may have the value. */
  of(value: Value): ReadonlyArray<Document> {
    return value === undefined ? this.#documents : (this.#groups.get(value) ?? [])
  }
}
