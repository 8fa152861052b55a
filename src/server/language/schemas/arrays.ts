/** The keywords for arrays; values of other types pass. */
import { spend } from "../budget.ts"
import { isDocument } from "../Value.ts"
import {
  type Check,
  type Context,
  countIn,
  expecting,
  type Keyword,
  mismatch,
  nothing,
  schemaIn,
  unorderedKey,
  type Violation,
  within
} from "./check.ts"

const count =
  (words: string, accepts: (count: number, bound: number) => boolean): Keyword =>
  (argument, context) => {
    const bound = countIn(argument, context)
    return expecting(context, `an array of ${words} ${bound} elements`, (value) =>
      Array.isArray(value) ? accepts(value.length, bound) : true
    )
  }

const uniqueItems: Keyword = (argument, context) => {
  if (typeof argument !== "boolean") return mismatch(context, "a boolean")
  if (!argument) return undefined
  return expecting(context, "an array without equal elements", (value) => {
    if (!Array.isArray(value)) return true
    spend(value.length)
    return new Set(value.map(unorderedKey)).size === value.length
  })
}

/** Asks each element of an array, with the check for its place. */
const eachItem =
  (checkOf: (index: number) => Check | undefined, from = 0): Check =>
  (value) =>
    Array.isArray(value) ? ofItems(value, checkOf, from) : nothing

function* ofItems(
  items: ReadonlyArray<unknown>,
  checkOf: (index: number) => Check | undefined,
  from: number
): Iterable<Violation> {
  for (let i = from; i < items.length; i++) yield* within(i, checkOf(i)?.(items[i]) ?? nothing)
}

const items: Keyword = (argument, context) => {
  if (isDocument(argument)) {
    const check = context.compile(argument)
    return eachItem(() => check)
  }
  if (!Array.isArray(argument)) return mismatch(context, "an object or an array of objects")
  const checks = argument.map((schema: unknown) => schemaIn(schema, context))
  return eachItem((index) => checks[index])
}

/** Applies behind the schemas of an array of `items`. */
const additionalItems: Keyword = (argument, context) => {
  const check = additional(argument, context, "an array without further elements")
  const before = context.schema["items"]
  return Array.isArray(before) && check !== undefined ? eachItem(() => check, before.length) : undefined
}

/** What a boolean or a schema says of what is not named. */
export const additional = (argument: unknown, context: Context, expected: string): Check | undefined => {
  if (typeof argument === "boolean") return argument ? undefined : expecting(context, expected, () => false)
  return isDocument(argument) ? context.compile(argument) : mismatch(context, "an object or a boolean")
}

export const arrayKeywords: Readonly<Record<string, Keyword>> = {
  items,
  additionalItems,
  minItems: count("at least", (count, bound) => count >= bound),
  maxItems: count("at most", (count, bound) => count <= bound),
  uniqueItems
}
