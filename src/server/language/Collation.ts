/**
 * How values are compared: by default strings by their bytes, and under a collation by the rules of a language.
 *
 * The rules are those of ICU, which JavaScript has as `Intl.Collator`. What that cannot be asked for is refused by name.
 * Only the values of strings are compared so: the names of fields and regular expressions are not.
 */
import { make, spend } from "./budget.ts"
import { codes, invalid, unsupported } from "./LanguageError.ts"
import { shown } from "./messages.ts"
import { toDouble } from "./numbers.ts"
import * as Values from "./Value.ts"
import { type Document, isDocument, isNumeric, typeOf } from "./Value.ts"

/** A way to compare values. */
export interface Collation {
  /** Whether strings are compared by their bytes, as indexes are ordered. */
  readonly isSimple: boolean
  /** The order of all values: -1, 0 or 1. */
  readonly compare: (a: unknown, b: unknown) => -1 | 0 | 1
  readonly equals: (a: unknown, b: unknown) => boolean
  /** A text that two values share exactly when they are equal; keys of two collations have nothing in common. */
  readonly keyOf: (value: unknown) => string
}

/** Strings by their bytes. */
export const simple: Collation = {
  isSimple: true,
  compare: Values.compare,
  equals: Values.equals,
  keyOf: Values.keyOf
}

/** Compiles a collation document; `{}` and the locale `simple` stand for the default. */
export const compile = (spec: unknown): Collation => {
  if (!isDocument(spec)) return invalid(`a collation must be an object, and not of type ${typeOf(spec)}`, typeMismatch)
  if (Object.keys(spec).length === 0) return simple
  const settings = settingsOf(spec)
  return settings.locale === "simple" ? simple : collated(comparatorOf(settings, spec))
}

const typeMismatch = codes.TypeMismatch

// what is asked for

interface Settings {
  readonly locale: string
  readonly strength: number
  readonly caseLevel: boolean
  readonly caseFirst: "upper" | "lower" | "off" | undefined
  readonly numericOrdering: boolean
  readonly alternate: "non-ignorable" | "shifted" | undefined
  readonly maxVariable: "punct" | "space" | undefined
  readonly backwards: boolean | undefined
}

const names = new Set([
  "locale",
  "strength",
  "caseLevel",
  "caseFirst",
  "numericOrdering",
  "alternate",
  "maxVariable",
  "normalization",
  "backwards",
  "version"
])

const settingsOf = (spec: Document): Settings => {
  const unknown = Object.keys(spec).find((name) => !names.has(name))
  if (unknown !== undefined) invalid(`BSON field 'collation.${unknown}' is an unknown field.`, 40415)
  const { locale, version } = spec
  if (locale === undefined) return invalid("BSON field 'collation.locale' is missing but a required field", 40414)
  if (typeof locale !== "string") {
    return invalid(
      `BSON field 'collation.locale' is the wrong type '${typeOf(locale)}', expected type 'string'`,
      typeMismatch
    )
  }
  if (version !== undefined) unsupported("'version' in a collation", "the order is that of the ICU of Node.js")
  // texts are always normalized, which changes nothing for those that are
  flagOf(spec, "normalization")
  const settings: Settings = {
    locale,
    strength: strengthOf(spec["strength"]),
    caseLevel: flagOf(spec, "caseLevel") ?? false,
    caseFirst: choiceOf(spec, "caseFirst", ["upper", "lower", "off"]),
    numericOrdering: flagOf(spec, "numericOrdering") ?? false,
    alternate: choiceOf(spec, "alternate", ["non-ignorable", "shifted"]),
    maxVariable: choiceOf(spec, "maxVariable", ["punct", "space"]),
    backwards: flagOf(spec, "backwards")
  }
  if (locale !== "simple") check(settings, spec)
  return settings
}

const check = ({ alternate, backwards, caseFirst, caseLevel, maxVariable, strength }: Settings, spec: Document) => {
  if ((caseFirst ?? "off") !== "off" && strength < 3 && !caseLevel) {
    invalid(`'caseFirst' is invalid unless 'caseLevel' is on or 'strength' is greater than 2 in: ${shown(spec)}`)
  }
  if (backwards === true && strength === 1) invalid(`'backwards' is invalid with 'strength' of 1 in: ${shown(spec)}`)
  if (strength > 3) unsupported(`'strength' of ${strength} in a collation`, "1, 2 and 3 are supported")
  if (maxVariable === "space" && alternate === "shifted") {
    unsupported("'maxVariable' of 'space' in a collation", "'punct' is supported")
  }
}

const strengthOf = (value: unknown): number => {
  if (value === undefined) return 3
  const strength = isNumeric(value) ? Math.trunc(toDouble(value)) : undefined
  if (strength === undefined) {
    return invalid(
      `BSON field 'collation.strength' is the wrong type '${typeOf(value)}', expected a number`,
      typeMismatch
    )
  }
  return strength >= 1 && strength <= 5
    ? strength
    : invalid(`'strength' of a collation is a number from 1 to 5, and not ${strength}`)
}

const flagOf = (spec: Document, name: string): boolean | undefined => {
  const value = spec[name]
  return value === undefined || typeof value === "boolean"
    ? value
    : invalid(`Field '${name}' should be a boolean value, but found: ${typeOf(value)}`, typeMismatch)
}

const choiceOf = <const A extends string>(spec: Document, name: string, choices: ReadonlyArray<A>): A | undefined => {
  const value = spec[name]
  return value === undefined
    ? undefined
    : (choices.find((choice) => choice === value) ??
        invalid(`'${name}' of a collation is one of ${choices.join(", ")}, and not ${shown(value)}`))
}

// locales

/** The types of collations, by their names in MongoDB and in JavaScript. */
const types: Readonly<Record<string, string>> = {
  big5han: "big5han",
  compat: "compat",
  dictionary: "dict",
  emoji: "emoji",
  eor: "eor",
  gb2312han: "gb2312",
  phonebook: "phonebk",
  phonetic: "phonetic",
  pinyin: "pinyin",
  stroke: "stroke",
  traditional: "trad",
  unihan: "unihan",
  zhuyin: "zhuyin"
}

interface Locale {
  readonly tag: string
  readonly usage: "sort" | "search"
}

const localeOf = (locale: string, spec: Document): Locale => {
  const [, place, type] =
    /^([a-z]{2,3}(?:_[A-Z][a-z]{3})?(?:_(?:[A-Z]{2}|\d{3}))?)(?:@collation=(\w+))?$/.exec(locale) ?? []
  const tag = place?.replaceAll("_", "-")
  if (tag === undefined || Intl.Collator.supportedLocalesOf(tag).length === 0) {
    return invalid(`Field 'locale' is invalid in: ${shown(spec)}`)
  }
  if (type === undefined || type === "standard") return { tag, usage: "sort" }
  if (type === "search") return { tag, usage: "search" }
  const name = Object.hasOwn(types, type) ? types[type] : undefined
  const full = `${tag}-u-co-${name ?? "none"}`
  return new Intl.Collator(full).resolvedOptions().collation === name
    ? { tag: full, usage: "sort" }
    : unsupported(`the locale '${locale}' of a collation`, `there is no order of the type '${type}' for it`)
}

// comparison of strings

type Comparator = (a: string, b: string) => number

/** Which of the levels of comparison decide, one after the other. */
const levels = ({ caseLevel, strength }: Settings): ReadonlyArray<NonNullable<Intl.CollatorOptions["sensitivity"]>> => {
  if (strength === 1) return [caseLevel ? "case" : "base"]
  if (strength === 2) return caseLevel ? ["accent", "case"] : ["accent"]
  return caseLevel ? ["accent", "case", "variant"] : ["variant"]
}

const comparatorOf = (settings: Settings, spec: Document): Comparator => {
  const { tag, usage } = localeOf(settings.locale, spec)
  const collator = (sensitivity: NonNullable<Intl.CollatorOptions["sensitivity"]>) =>
    new Intl.Collator(tag, {
      usage,
      sensitivity,
      numeric: settings.numericOrdering,
      // what is not asked for is as the language has it
      ...(settings.caseFirst !== undefined && {
        caseFirst: settings.caseFirst === "off" ? ("false" as const) : settings.caseFirst
      }),
      ...(settings.alternate !== undefined && { ignorePunctuation: settings.alternate === "shifted" })
    })
  const { backwards } = settings
  if (backwards !== undefined && settings.strength > 1 && backwards !== isBackwards(collator("accent").compare)) {
    unsupported(`'backwards' of ${backwards} in a collation`, `the order of the locale '${settings.locale}' is another`)
  }
  const [first, ...others] = levels(settings).map((sensitivity) => collator(sensitivity).compare)
  if (first === undefined || others.length === 0) return first ?? (() => 0)
  return (a, b) => others.reduce((decided, compare) => decided || compare(a, b), first(a, b))
}

/** Whether accents are compared from the end of a text, as in Canadian French. */
const isBackwards = (compare: Comparator): boolean => compare("côte", "coté") < 0

/** The text of a string or a symbol. */
const textOf = (value: unknown): string | undefined =>
  typeof value === "string" ? value : Values.isA(value, "BSONSymbol") ? value.value : undefined

const collated = (comparator: Comparator): Collation => {
  const strings = (a: string, b: string): -1 | 0 | 1 => {
    if (a === b) return 0
    spend(1 + (Math.min(a.length, b.length) >> 3))
    const order = comparator(a, b)
    return order < 0 ? -1 : order > 0 ? 1 : 0
  }
  const compare = (a: unknown, b: unknown): -1 | 0 | 1 => {
    const left = textOf(a)
    const right = textOf(b)
    if (left !== undefined && right !== undefined) return strings(left, right)
    if (Array.isArray(a) && Array.isArray(b)) return Values.compareLists(a, b, compare)
    return isDocument(a) && isDocument(b) ? Values.compareDocuments(a, b, compare) : Values.compare(a, b)
  }
  const texts = new Representatives(strings)
  const keyOf = (value: unknown): string => {
    const text = textOf(value)
    if (text !== undefined) return Values.keyOf(texts.of(text))
    if (Array.isArray(value)) return Values.keyOfList(value, keyOf)
    return isDocument(value) ? Values.keyOfDocument(value, keyOf) : Values.keyOf(value)
  }
  return { isSimple: false, compare, equals: (a, b) => compare(a, b) === 0, keyOf }
}

/** How many texts a chunk has at most. */
const largestChunk = 512

/** How many of the first items of an ordered list are not greater than what is looked for. */
const countUpTo = <A>(list: ReadonlyArray<A>, isGreater: (item: A) => boolean): number => {
  let from = 0
  let to = list.length
  while (from < to) {
    const middle = (from + to) >> 1
    const item = list[middle]
    if (item !== undefined && isGreater(item)) to = middle
    else from = middle + 1
  }
  return from
}

/** One text for all that are equal: the first of them that was met. */
class Representatives {
  readonly #compare: Comparator
  readonly #known = new Map<string, string>()
  /** Different ones in order, in chunks, so that one more costs little. */
  readonly #chunks: Array<Array<string>> = [[]]

  constructor(compare: Comparator) {
    this.#compare = compare
  }

  of(text: string): string {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    make()
    const representative = this.#find(text)
    this.#known.set(text, representative)
    return representative
  }

  #find(text: string): string {
    const isGreater = (other: string) => this.#compare(other, text) > 0
    const at = Math.max(0, countUpTo(this.#chunks, ([first]) => first !== undefined && isGreater(first)) - 1)
    const chunk = this.#chunks[at] ?? []
    const place = countUpTo(chunk, isGreater)
    const before = chunk[place - 1]
    if (before !== undefined && this.#compare(before, text) === 0) return before
    chunk.splice(place, 0, text)
    if (chunk.length > largestChunk) this.#chunks.splice(at + 1, 0, chunk.splice(largestChunk >> 1))
    return text
  }
}
