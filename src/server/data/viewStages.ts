/**
 * Views as stages that a database executes, for databases that know no views of this server.
 *
 * A view is a filter and, for the first case that applies to a document, masks. A stage has no filter inside of an
 * expression, so the documents are split by filters: a branch for each case and for each outcome of the conditions in its
 * masks. In a branch the masks are constant, and one `$replaceWith` computes what they show. The branches are joined by
 * `$unionWith`.
 *
 * No filter, sort, count, error or event behind these stages can tell what is hidden:
 *
 * - They are a function of the rules and the caller alone, and stand before all stages of the caller, which see their
 *   results only. What is hidden is not null or empty in these but missing, as in a document that never had it.
 * - The filters that decide are `$match` stages of the rules. They compare and compute nothing, so they fail for no document.
 * - The expressions of the masks ask for names and types of fields, and never for a value; `$objectToArray`, `$map` and
 *   `$filter` are applied to what they take only, so that none fails.
 * - A document is read, tested and masked in one pass: a change in between cannot apply the verdict on one version to
 *   another. A document that moves to another branch meanwhile may be seen twice or not at all, unless the pipeline reads
 *   a snapshot.
 * - An optimizer that moves the caller's conditions before the stages moves none past `$replaceWith` of a computed value.
 *
 * Documents come in the order of the branches: a caller that needs an order sorts. Lists directly inside of lists are looked
 * into for some levels; what is nested deeper is not shown.
 */
import { isDocument } from "./internal/bson.ts"
import type { Document } from "./Operation.ts"
import type { Mask, View } from "./View.ts"

/** The levels of lists directly inside of lists that are looked into. */
const mostLists = 4

/** Each condition doubles the branches of a case. */
const mostConditions = 6

/** A view would need too many branches. */
const tooMany = (): never => {
  throw new Error(`a view with more than ${mostConditions} conditions on fields cannot be expressed as stages`)
}

/** Documents for which all conditions of the masks are decided. */
interface Branch {
  readonly match: ReadonlyArray<Document>
  readonly masks: ReadonlyArray<Mask>
}

const conditionsOf = ({ below, read }: Mask): ReadonlyArray<Document> => [
  ...(isDocument(read) ? [read] : []),
  ...(below === undefined ? [] : [...below.fields.values(), below.others].flatMap(conditionsOf))
]

/** A mask with decided conditions. */
const decided = (mask: Mask, verdict: (condition: Document) => boolean): Mask => ({
  read: isDocument(mask.read) ? verdict(mask.read) : mask.read,
  below: mask.below && {
    fields: new Map(Array.from(mask.below.fields, ([name, inner]) => [name, decided(inner, verdict)])),
    others: decided(mask.below.others, verdict)
  }
})

const not = (condition: Document): Document => ({ $nor: [condition] })

const branchesOf = ({ cases }: Extract<View, { readonly _tag: "Masked" }>): ReadonlyArray<Branch> => {
  const branches: Array<Branch> = []
  const before: Array<Document> = []
  for (const { shows, when } of cases) {
    if (when === false) continue
    const own = isDocument(when) ? [...before, when] : [...before]
    const texts = new Map(shows.flatMap(conditionsOf).map((condition) => [JSON.stringify(condition), condition]))
    const conditions = [...texts.values()]
    if (conditions.length > mostConditions) tooMany()
    for (let outcome = 0; outcome < 2 ** conditions.length; outcome++) {
      const verdicts = new Map([...texts.keys()].map((text, i) => [text, ((outcome >> i) & 1) === 1]))
      const verdict = (condition: Document) => verdicts.get(JSON.stringify(condition)) === true
      branches.push({
        match: [...own, ...conditions.map((condition) => (verdict(condition) ? condition : not(condition)))],
        masks: shows.map((mask) => decided(mask, verdict))
      })
    }
    if (when === true) break
    before.push(not(when))
  }
  return branches
}

// expressions

/** An expression that is missing where nothing is shown. */
type Expression = unknown

const nothing: Expression = "$$REMOVE"

const keepsAll = ({ below, read }: Mask): boolean => below === undefined && read === true

const has = (value: Expression): Document => ({ $ne: [{ $type: value }, "missing"] })

const isOfType = (value: Expression, type: string): Document => ({ $eq: [{ $type: value }, type] })

const either = (test: Expression, yes: Expression, no: Expression): Document => ({ $cond: [test, yes, no] })

/** What a mask shows of a variable; `level` makes the names of variables differ. */
const shownOf = (value: string, mask: Mask, level: number, lists = 0): Expression => {
  if (keepsAll(mask)) return value
  if (mask.below === undefined) return nothing
  const leaf = mask.read === true ? value : nothing
  const list = lists === mostLists ? nothing : listOf(value, mask, level, lists)
  return either(
    isOfType(value, "array"),
    list,
    either(isOfType(value, "object"), documentOf(value, [mask.below], level), leaf)
  )
}

/** The elements of a list of which something is shown. */
const listOf = (value: string, mask: Mask, level: number, lists: number): Expression => {
  const name = `i${level}`
  // a missing result of `$map` would be null
  const elements = { $map: { input: value, as: name, in: { v: shownOf(`$$${name}`, mask, level + 1, lists + 1) } } }
  return {
    $map: {
      input: { $filter: { input: elements, as: name, cond: has(`$$${name}.v`) } },
      as: name,
      in: `$$${name}.v`
    }
  }
}

type Below = NonNullable<Mask["below"]>

const maskOf = ({ fields, others }: Below, name: string): Mask => fields.get(name) ?? others

/** The fields of a document that all masks show, one mask after the other. */
const documentOf = (value: string, masks: ReadonlyArray<Below>, level: number, keepsId = false): Expression => {
  const name = `f${level}`
  const names = new Set(masks.flatMap(({ fields }) => [...fields.keys()]))
  if (keepsId) names.add("_id")
  const shown = (field: string | undefined): Expression =>
    masked(
      `$$${name}.v`,
      masks.map((mask) => (field === undefined ? mask.others : maskOf(mask, field))),
      level + 1
    )
  const v = Array.from(names).reduceRight<Expression>((others, field) => {
    const own = keepsId && field === "_id" ? { $ifNull: [shown(field), `$$${name}.v`] } : shown(field)
    return either({ $eq: [`$$${name}.k`, { $literal: field }] }, own, others)
  }, shown(undefined))
  return {
    $arrayToObject: {
      $filter: {
        input: { $map: { input: { $objectToArray: value }, as: name, in: { k: `$$${name}.k`, v } } },
        as: name,
        cond: has(`$$${name}.v`)
      }
    }
  }
}

/** What several masks leave of a value, one after the other. */
const masked = (value: string, masks: ReadonlyArray<Mask>, level: number): Expression => {
  const [first, ...others] = masks.filter((mask) => !keepsAll(mask))
  if (first === undefined) return value
  const shown = shownOf(value, first, level)
  if (others.length === 0) return shown
  const name = `m${level}`
  return { $let: { vars: { [name]: shown }, in: masked(`$$${name}`, others, level + 1) } }
}

const stagesOf = (filter: Document, { masks, match }: Branch): ReadonlyArray<Document> => {
  const conditions = [...(Object.keys(filter).length === 0 ? [] : [filter]), ...match]
  const below = masks.filter((mask) => !keepsAll(mask)).map((mask) => mask.below ?? { fields: new Map(), others: mask })
  return [
    ...(conditions.length === 0 ? [] : [{ $match: conditions.length === 1 ? conditions[0] : { $and: conditions } }]),
    ...(below.length === 0 ? [] : [{ $replaceWith: documentOf("$$ROOT", below, 0, true) }])
  ]
}

/**
 * The stages that make the documents of a view from those of its collection. Throws for a view with too many conditions
 * on fields.
 */
export const viewStages = (
  view: Extract<View, { readonly _tag: "Masked" }>,
  collection: string
): ReadonlyArray<Document> => {
  const [first, ...others] = branchesOf(view)
  if (first === undefined) return [{ $match: { $nor: [{}] } }]
  return [
    ...stagesOf(view.filter, first),
    ...others.map((branch) => ({ $unionWith: { coll: collection, pipeline: stagesOf(view.filter, branch) } }))
  ]
}
