/** `$sort`; followed by `$limit`, it keeps only as many documents as needed. */
import { make } from "../budget.ts"
import { invalid } from "../LanguageError.ts"
import * as Sort from "../Sort.ts"
import { isDocument } from "../Value.ts"
import type { Document } from "../Value.ts"
import { all } from "./Stage.ts"
import type { All, Compile, Stage } from "./Stage.ts"

/** The first documents of an order, with no more than about twice as many of them in memory. */
const firstOf = (documents: Iterable<Document>, order: Sort.Sort, most: number): Array<Document> => {
  let list: Array<Document> = []
  for (const document of documents) {
    make()
    list.push(document)
    if (list.length >= 2 * most + 64) list = order.sorted(list, most)
  }
  return order.sorted(list, most)
}

const stageOf = (order: Sort.Sort): All => ({
  ...all((documents) => {
    const list = [...documents]
    make(list.length)
    return order.sorted(list)
  }),
  sort: order,
  first: (most) => ({ ...all((documents) => firstOf(documents, order, most)), sort: order, most })
})

export const sort: Compile = (argument, { scope }) => {
  if (!isDocument(argument)) return invalid("the $sort key specification must be an object", 15973)
  if (Object.keys(argument).length === 0) invalid("$sort stage must have at least one sort key", 15976)
  return stageOf(Sort.compile(argument, scope))
}

/** Joins each `$sort` with the `$skip`s and the `$limit` behind it. */
export const withLimit = (stages: ReadonlyArray<Stage>): ReadonlyArray<Stage> =>
  stages.map((stage, i) => {
    if (stage.kind !== "all" || stage.first === undefined) return stage
    let skipped = 0
    for (const next of stages.slice(i + 1)) {
      if (next.kind !== "all") return stage
      if (next.limit !== undefined) return stage.first(skipped + next.limit)
      if (next.skip === undefined) return stage
      skipped += next.skip
    }
    return stage
  })
