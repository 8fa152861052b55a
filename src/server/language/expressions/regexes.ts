/** `$regexMatch`, `$regexFind` and `$regexFindAll`. */
import { make, spend } from "../budget.ts"
import { failed } from "../LanguageError.ts"
import { compile, type Found, type Regex } from "../regex.ts"
import { isA, typeOf, type Value } from "../Value.ts"
import { constantFrame, type Operator, type Operators } from "./Frame.ts"
import { argumentsOf, computed, isNullish } from "./operands.ts"

/** A regular expression from the values of `regex` and `options`; undefined where there is none. */
const regexOf = (regex: Value, options: Value, name: string): Regex | undefined => {
  if (!isNullish(options) && typeof options !== "string")
    return failed(`${name} takes 'options' that are a string, and not a value of type ${typeOf(options)}`, 51106)
  if (isNullish(regex)) return undefined
  if (typeof regex === "string") return compile(regex, options ?? "")
  if (!isA(regex, "BSONRegExp"))
    return failed(`${name} takes a 'regex' that is a string or a regular expression, and not ${typeOf(regex)}`, 51105)
  if (regex.options !== "" && !isNullish(options)) failed(`${name} has options both in 'regex' and in 'options'`, 51107)
  return compile(regex.pattern, regex.options === "" ? (options ?? "") : regex.options)
}

/** How many code points stand between two places, given in UTF-16 units. */
const pointsBetween = (text: string, from: number, to: number): number => {
  let points = 0
  for (let i = from; i < to; i++) {
    const unit = text.charCodeAt(i)
    const isSecondHalf = unit >= 0xdc00 && unit <= 0xdfff && i > 0 && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800
    if (!isSecondHalf) points++
  }
  return points
}

const shown = ({ text, captures }: Found, idx: number): Value => {
  make(captures.length + 4)
  return { match: text, idx, captures: captures.map((capture) => capture ?? null) }
}

const find = (text: string, regex: Regex): Value => {
  const found = regex.find(text)
  return found === undefined ? null : shown(found, pointsBetween(text, 0, found.index))
}

const findAll = (text: string, regex: Regex): Value => {
  const all: Array<Value> = []
  let from = 0
  let counted = 0
  let points = 0
  do {
    const found = regex.find(text, from)
    if (found === undefined) break
    points += pointsBetween(text, counted, found.index)
    counted = found.index
    all.push(shown(found, points))
    // after an empty match the search goes on behind the next character
    const next = text.codePointAt(found.index) ?? 0
    from = found.index + (found.text.length || (next > 0xffff ? 2 : 1))
  } while (from < text.length)
  return all
}

const searching =
  (none: () => Value, search: (text: string, regex: Regex) => Value): Operator =>
  (argument, context, name) => {
    const specs = argumentsOf(argument, name, ["input", "regex"], ["options"])
    const input = context.compile(specs["input"])
    const regex = context.compile(specs["regex"])
    const options = context.compile(Object.hasOwn(specs, "options") ? specs["options"] : null)
    const isConstant = regex.isConstant && options.isConstant
    const constant = isConstant
      ? regexOf(regex.evaluate(constantFrame), options.evaluate(constantFrame), name)
      : undefined
    return computed([input, regex, options], (frame) => {
      const text = input.evaluate(frame)
      const found = isConstant ? constant : regexOf(regex.evaluate(frame), options.evaluate(frame), name)
      if (isNullish(text)) return none()
      if (typeof text !== "string")
        return failed(`${name} takes an 'input' that is a string, and not a value of type ${typeOf(text)}`, 51104)
      spend(text.length >> 2)
      return found === undefined ? none() : search(text, found)
    })
  }

export const regexes: Operators = {
  $regexMatch: searching(
    () => false,
    (text, regex) => regex.test(text)
  ),
  $regexFind: searching(() => null, find),
  $regexFindAll: searching(() => [], findAll)
}
