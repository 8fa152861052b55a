/** Operators of strings. Upper and lower case are those of ASCII, as in MongoDB. */
import { make, spend } from "../budget.ts"
import { codes, exceeded, failed } from "../LanguageError.ts"
import { isNumber, toDouble, toWhole } from "../numbers.ts"
import { compareStrings, typeOf, type Value } from "../Value.ts"
import type { Operators } from "./Frame.ts"
import { between, binary, isNullish, named, unary, variadic } from "./operands.ts"
import { textOf } from "./texts.ts"

/** As large as a document may be: strings that expressions make may not grow beyond it. */
const mostCharacters = 16 * 1024 * 1024

const checkLength = (length: number, name: string): void => {
  spend(length >> 6)
  if (length > mostCharacters) exceeded(`${name} would make a string of more than 16 MB`, codes.BSONObjectTooLarge)
}

const concat = (values: ReadonlyArray<Value>, name: string): Value => {
  let text = ""
  for (const value of values) {
    if (typeof value === "string") text += value
    else
      return isNullish(value) ? null : failed(`${name} takes strings, and not a value of type ${typeOf(value)}`, 16702)
  }
  checkLength(text.length, name)
  return text
}

const lower = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
const upper = (text: string): string => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())

const requireString = (value: Value, name: string, what: string, code: number): string =>
  typeof value === "string"
    ? value
    : failed(`${name} takes ${what} that is a string, and not a value of type ${typeOf(value)}`, code)

// oxlint-disable-next-line no-control-regex -- what is asked is whether there is anything but ASCII
const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text)

const lengthCP = (text: string): number => {
  spend(text.length >> 6)
  if (isAscii(text)) return text.length
  let length = 0
  for (const _ of text) length++
  return length
}

const integerIn32Bits = (value: Value): number | undefined => {
  const whole = toWhole(value)
  return whole !== undefined && whole >= -2147483648 && whole <= 2147483647 ? whole : undefined
}

/** A place or a length in code points. */
const countOf = (value: Value, name: string, what: string): number => {
  const count = integerIn32Bits(value)
  if (count === undefined)
    return failed(`${name} takes ${what} that is an integer of 32 bits, and not ${typeOf(value)}`, 34451)
  return count < 0 ? failed(`${name} takes ${what} that is not negative, and not ${count}`, 34455) : count
}

const substrCP = (values: ReadonlyArray<Value>, name: string): Value => {
  const [value, start, length] = values
  const text = textOf(value, name)
  const from = countOf(start, name, "a start")
  const count = countOf(length, name, "a length")
  if (isAscii(text)) return text.slice(from, from + count)
  spend(text.length)
  return Array.from(text)
    .slice(from, from + count)
    .join("")
}

/** A number of bytes; a fraction is cut off. */
const bytesOf = (value: Value, name: string, what: string): number =>
  isNumber(value)
    ? Math.trunc(toDouble(value))
    : failed(`${name} takes ${what} that is a number, and not ${typeOf(value)}`, 16034)

/** Whether a byte is not the first one of a character. */
const isWithin = (bytes: Uint8Array, at: number): boolean => ((bytes[at] ?? 0) & 0xc0) === 0x80

const substrBytes = (values: ReadonlyArray<Value>, name: string): Value => {
  const [value, start, length] = values
  const text = textOf(value, name)
  const from = bytesOf(start, name, "a start")
  const count = bytesOf(length, name, "a length")
  if (from < 0) failed(`${name} takes a start that is not negative, and not ${from}`, 50752)
  if (isAscii(text)) return text.slice(from, count < 0 ? undefined : from + count)
  spend(text.length)
  const bytes = Buffer.from(text)
  const end = count < 0 ? bytes.length : Math.min(bytes.length, from + count)
  if (from < bytes.length && isWithin(bytes, from)) failed(`the start of ${name} is within a character`, 28656)
  if (end < bytes.length && isWithin(bytes, end)) failed(`the end of ${name} is within a character`, 28657)
  return bytes.toString("utf8", from, end)
}

const placeOf = (value: Value, name: string, what: string): number => {
  const place = integerIn32Bits(value)
  if (place === undefined) return failed(`${name} takes ${what} that is an integer, and not ${typeOf(value)}`, 40096)
  return place < 0 ? failed(`${name} takes ${what} that is not negative, and not ${place}`, 40097) : place
}

/** Where text stands, in the units of `split`: bytes or code points. */
const indexOf = (find: (text: string, wanted: string, from: number, to: number | undefined) => number) =>
  between(2, 4, (values, name) => {
    const [text, wanted, start, end] = values
    if (isNullish(text)) return null
    const within = requireString(text, name, "a first operand", 40091)
    const token = requireString(wanted, name, "a second operand", 40092)
    const from = values.length > 2 ? placeOf(start, name, "a start") : 0
    const to = values.length > 3 ? placeOf(end, name, "an end") : undefined
    spend(within.length >> 4)
    return find(within, token, from, to)
  })

const found = (at: number, length: number, end: number): number => (at < 0 || at + length > end ? -1 : at)

const findAscii = (text: string, wanted: string, from: number, to = text.length): number =>
  from > text.length || to < from ? -1 : found(text.indexOf(wanted, from), wanted.length, Math.min(to, text.length))

const findBytes = (text: string, wanted: string, from: number, to?: number): number => {
  if (isAscii(text)) return findAscii(text, wanted, from, to)
  const bytes = Buffer.from(text)
  const end = Math.min(to ?? bytes.length, bytes.length)
  if (from > bytes.length || end < from) return -1
  return found(bytes.indexOf(wanted, from), Buffer.byteLength(wanted), end)
}

const findCP = (text: string, wanted: string, from: number, to?: number): number => {
  if (isAscii(text)) return findAscii(text, wanted, from, to)
  const points = Array.from(text)
  const length = Array.from(wanted).length
  const end = Math.min(to ?? points.length, points.length)
  if (from > points.length || end < from) return -1
  const at = text.indexOf(wanted, points.slice(0, from).join("").length)
  return at < 0 ? -1 : found(Array.from(text.slice(0, at)).length, length, end)
}

const split = (text: Value, separator: Value, name: string): Value => {
  if (isNullish(text) || isNullish(separator)) return null
  const within = requireString(text, name, "a first operand", 40085)
  const at = requireString(separator, name, "a second operand", 40086)
  if (at === "") failed(`${name} takes a separator that is not empty`, 40087)
  const parts = within.split(at)
  make(parts.length + 1)
  return parts
}

const compareCase = (a: Value, b: Value, name: string): Value =>
  compareStrings(upper(textOf(a, name)), upper(textOf(b, name)))

/** The characters that count as white space. */
const whitespace = "\0 \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"

const trimming = (atStart: boolean, atEnd: boolean) =>
  named(["input"], ["chars"], ({ input, chars }, name, has) => {
    if (isNullish(input)) return null
    const text = requireString(input, name, "an 'input'", 50699)
    if (has("chars") && isNullish(chars)) return null
    const set = new Set(has("chars") ? requireString(chars, name, "'chars'", 50700) : whitespace)
    const points = Array.from(text)
    spend(points.length)
    const isKept = (point: string): boolean => !set.has(point)
    const first = points.findIndex(isKept)
    if (first < 0) return ""
    return points.slice(atStart ? first : 0, atEnd ? points.findLastIndex(isKept) + 1 : undefined).join("")
  })

const replacing = (replace: (text: string, wanted: string, other: string, name: string) => string) =>
  named(["input", "find", "replacement"], [], ({ input, find, replacement }, name) => {
    const text = isNullish(input) ? null : requireString(input, name, "an 'input'", 51746)
    const wanted = isNullish(find) ? null : requireString(find, name, "a 'find'", 51745)
    const other = isNullish(replacement) ? null : requireString(replacement, name, "a 'replacement'", 51744)
    if (text === null || wanted === null || other === null) return null
    return replace(text, wanted, other, name)
  })

const replaceOne = (text: string, wanted: string, other: string, name: string): string => {
  checkLength(text.length + other.length, name)
  return text.replace(wanted, () => other)
}

/** Empty text stands before and after each character. */
const replaceAll = (text: string, wanted: string, other: string, name: string): string => {
  const parts = wanted === "" ? ["", ...Array.from(text), ""] : text.split(wanted)
  checkLength(text.length + (parts.length - 1) * Math.max(0, other.length - wanted.length), name)
  return parts.join(other)
}

export const strings: Operators = {
  $concat: variadic(concat),
  $toLower: unary((value, name) => lower(textOf(value, name))),
  $toUpper: unary((value, name) => upper(textOf(value, name))),
  $strcasecmp: binary(compareCase),
  $strLenBytes: unary((value, name) => Buffer.byteLength(requireString(value, name, "an operand", 34473))),
  $strLenCP: unary((value, name) => lengthCP(requireString(value, name, "an operand", 34471))),
  $substr: between(3, 3, substrBytes),
  $substrBytes: between(3, 3, substrBytes),
  $substrCP: between(3, 3, substrCP),
  $indexOfBytes: indexOf(findBytes),
  $indexOfCP: indexOf(findCP),
  $split: binary(split),
  $trim: trimming(true, true),
  $ltrim: trimming(true, false),
  $rtrim: trimming(false, true),
  $replaceOne: replacing(replaceOne),
  $replaceAll: replacing(replaceAll)
}
