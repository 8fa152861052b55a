/** `$convert` and its short forms: values of one type as values of another. */
import { Binary, ObjectId, UUID } from "bson"
import * as dateParse from "../dateParse.ts"
import * as decimals from "../decimals.ts"
import { codes, failed, invalid, LanguageError, unsupported } from "../LanguageError.ts"
import * as numbers from "../numbers.ts"
import { isA, isDate, isDocument, type TypeName, typeNumbers, typeOf, type Value } from "../Value.ts"
import { isTrue } from "./booleans.ts"
import { fromText, type Format, formatOf, toText } from "./binaryText.ts"
import { constantFrame, type Context, type Expression, type Operator, type Operators } from "./Frame.ts"
import { dateOf, instantOf } from "./instants.ts"
import { argumentsOf, computed, isNullish, unary } from "./operands.ts"
import { dateText, numberText } from "./texts.ts"

/** What a value is converted to. */
interface Target {
  readonly type: TypeName
  readonly subtype: number
  readonly format?: Format | undefined
}

const problem = (message: string): never =>
  failed(`${message}, in $convert with no onError value`, codes.ConversionFailure)

const unsupportedPair = (value: Value, type: TypeName): never =>
  isBinaryNumber(typeOf(value), type)
    ? unsupported(`the conversion of ${typeOf(value)} to ${type}`)
    : problem(`there is no conversion from ${typeOf(value)} to ${type}`)

/** Pairs that newer versions of MongoDB convert by the order of the bytes. */
const isBinaryNumber = (from: TypeName, to: TypeName): boolean =>
  (from === "binData" && isWidth(to)) || (to === "binData" && isWidth(from))
const isWidth = (type: TypeName): boolean => type === "int" || type === "long" || type === "double"

/** The number that text says: no white space, no other base than ten. */
const matching = (text: string, pattern: RegExp, what: string): string =>
  pattern.test(text) ? text : problem(`failed to parse the ${what} '${text}'`)

const integerOfText = (text: string, bits: 32 | 64, what: string): bigint => {
  const value = BigInt(matching(text, /^[+-]?\d+$/, what).replace(/^\+/, ""))
  return BigInt.asIntN(bits, value) === value ? value : problem(`the ${what} '${text}' overflows`)
}

/** The whole part of a number, within so many bits. */
const truncated = (value: numbers.NumberValue, bits: 32 | 64, type: string): bigint => {
  const text = String(value)
  if (isA(value, "Decimal128")) {
    const read = decimals.read(value)
    if (read.kind !== "finite") return problem(`${text} has no conversion to ${type}`)
    const whole = decimals.toInteger(read, "trunc")
    return whole !== undefined && BigInt.asIntN(bits, whole) === whole ? whole : problem(`${text} overflows ${type}`)
  }
  if (isA(value, "Long")) {
    const whole = numbers.longToBigInt(value)
    return BigInt.asIntN(bits, whole) === whole ? whole : problem(`${text} overflows ${type}`)
  }
  const number = numbers.toDouble(value)
  if (!Number.isFinite(number)) return problem(`${text} has no conversion to ${type}`)
  const whole = BigInt(Math.trunc(number))
  return BigInt.asIntN(bits, whole) === whole ? whole : problem(`${text} overflows ${type}`)
}

const toInt = (value: Value): Value => {
  if (typeof value === "boolean") return value ? 1 : 0
  if (typeof value === "string") return Number(integerOfText(value, 32, "int"))
  return numbers.isNumber(value) ? Number(truncated(value, 32, "int")) : unsupportedPair(value, "int")
}

const toLong = (value: Value): Value => {
  if (typeof value === "boolean") return numbers.long(value ? 1 : 0)
  if (typeof value === "string") return numbers.long(integerOfText(value, 64, "long"))
  if (isDate(value)) return numbers.long(value.getTime())
  return numbers.isNumber(value) ? numbers.long(truncated(value, 64, "long")) : unsupportedPair(value, "long")
}

const numberPattern = /^[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf(?:inity)?|nan)$/i

const doubleOfText = (text: string): number => {
  matching(text, numberPattern, "number")
  const special = /inf|nan/i.exec(text)
  if (special !== null) return /nan/i.test(text) ? Number.NaN : text.startsWith("-") ? -Infinity : Infinity
  const number = Number(text)
  return Number.isFinite(number) ? number : problem(`the number '${text}' overflows`)
}

/** The least double that has all its digits. */
const leastNormal = 2 ** -1022

const doubleOfDecimal = (value: decimals.Decimal): number => {
  const number = decimals.toDouble(value)
  const isInRange = Number.isFinite(number) && Math.abs(number) >= leastNormal
  return value.kind !== "finite" || decimals.isZero(value) || isInRange
    ? number
    : problem(`${decimals.toText(value)} overflows double`)
}

const toDouble = (value: Value): Value => {
  if (typeof value === "boolean") return numbers.double(value ? 1 : 0)
  if (typeof value === "string") return numbers.double(doubleOfText(value))
  if (isDate(value)) return numbers.double(value.getTime())
  if (!numbers.isNumber(value)) return unsupportedPair(value, "double")
  return numbers.double(isA(value, "Decimal128") ? doubleOfDecimal(decimals.read(value)) : numbers.toDouble(value))
}

const decimalOfText = (text: string): decimals.Decimal => {
  const value = decimals.parse(matching(text, numberPattern, "number")) ?? decimals.nan
  return value.kind === "infinity" && !/inf/i.test(text) ? problem(`the number '${text}' overflows`) : value
}

const toDecimal = (value: Value): Value => {
  if (typeof value === "boolean") return numbers.decimal(decimals.ofInteger(value ? 1n : 0n))
  if (typeof value === "string") return numbers.decimal(decimalOfText(value))
  if (isDate(value)) return numbers.decimal(decimals.ofInteger(BigInt(value.getTime())))
  return numbers.isNumber(value) ? numbers.decimal(numbers.toDecimal(value)) : unsupportedPair(value, "decimal")
}

const toDate = (value: Value): Value => {
  const instant = instantOf(value)
  if (instant !== undefined) return dateOf(instant, "$convert")
  if (typeof value === "string")
    return dateOf(dateParse.millisOfParts(dateParse.parseText(value), value, undefined), "$convert")
  if (!numbers.isNumber(value) || numbers.numberType(value) === "int") return unsupportedPair(value, "date")
  return dateOf(Number(truncated(value, 64, "date")), "$convert")
}

const toObjectId = (value: Value): Value => {
  if (isA(value, "ObjectId")) return value
  if (typeof value !== "string") return unsupportedPair(value, "objectId")
  return ObjectId.createFromHexString(matching(value, /^[\da-f]{24}$/i, "objectId"))
}

const toString = (value: Value, { format }: Target): Value => {
  if (typeof value === "string") return value
  if (typeof value === "boolean") return String(value)
  if (isDate(value)) return dateText(value)
  if (isA(value, "ObjectId")) return value.toHexString()
  if (isA(value, "Binary"))
    return toText(value, format ?? invalid("$convert takes a 'format' between binData and string", 4341115))
  return numberText(value) ?? unsupportedPair(value, "string")
}

const toBinary = (value: Value, { subtype, format }: Target): Value => {
  if (isA(value, "Binary"))
    return value.sub_type === subtype ? value : problem("there is no conversion between subtypes")
  if (typeof value !== "string") {
    return unsupportedPair(value, "binData")
  }
  if (format === undefined) return invalid("$convert takes a 'format' between string and binData", 4341107)
  const bytes = (format === "uuid") === (subtype === Binary.SUBTYPE_UUID) ? fromText(value, format) : undefined
  return bytes === undefined ? problem(`'${value}' is not binData in the format ${format}`) : binary(bytes, subtype)
}

const binary = (bytes: Uint8Array, subtype: number): Value =>
  subtype === Binary.SUBTYPE_UUID && bytes.length === 16 ? new UUID(bytes) : new Binary(bytes, subtype)

const conversions: Partial<Readonly<Record<TypeName, (value: Value, target: Target) => Value>>> = {
  double: toDouble,
  string: toString,
  objectId: toObjectId,
  bool: (value) => isTrue(value),
  date: toDate,
  int: toInt,
  long: toLong,
  decimal: toDecimal,
  binData: toBinary
}

/** Types that MongoDB does not name among those with a conversion, but knows. */
const convert = (value: Value, target: Target): Value => {
  const to = conversions[target.type]
  return to === undefined ? unsupportedPair(value, target.type) : to(value, target)
}

const isTypeName = (text: string): text is TypeName =>
  text !== "missing" && [...typeNumbers.values()].some((name) => name === text)

const typeOfTarget = (value: Value): TypeName => {
  if (typeof value === "string")
    return isTypeName(value) ? value : invalid(`$convert knows no type '${value}'`, codes.BadValue)
  if (!numbers.isNumber(value))
    return invalid(`$convert takes the name or the number of a type in 'to', and not ${typeOf(value)}`, 9)
  const number = numbers.toWhole(value)
  return typeNumbers.get(number ?? 0) ?? invalid(`$convert knows no type ${String(value)}`, 9)
}

const subtypeOf = (value: Value): number => {
  const subtype = numbers.toWhole(value)
  return subtype !== undefined && ((subtype >= 0 && subtype <= 9) || (subtype >= 128 && subtype <= 255))
    ? subtype
    : invalid("$convert takes a 'subtype' of 0 to 9 or 128 to 255", 4341108)
}

/** `to`: a type, or `{type, subtype}`. */
const compileTarget = (
  spec: unknown,
  context: Context
): { readonly type: Expression; readonly subtype: Expression } => {
  const isNamed = isDocument(spec) && Object.hasOwn(spec, "type")
  const specs = isNamed ? argumentsOf(spec, "'to' of $convert", ["type"], ["subtype"]) : { type: spec }
  return {
    type: context.compile(specs["type"]),
    subtype: context.compile(Object.hasOwn(specs, "subtype") ? specs["subtype"] : 0)
  }
}

const optional = (specs: Record<string, unknown>, key: string, context: Context): Expression | undefined =>
  Object.hasOwn(specs, key) ? context.compile(specs[key]) : undefined

const convertOperator: Operator = (argument, context, name) => {
  const optionals = ["onError", "onNull", "format", "byteOrder", "base"]
  const specs = argumentsOf(argument, name, ["input", "to"], optionals)
  for (const key of ["byteOrder", "base"])
    if (Object.hasOwn(specs, key)) unsupported(`the argument '${key}' of ${name}`)
  const input = context.compile(specs["input"])
  const { type, subtype } = compileTarget(specs["to"], context)
  const format = Object.hasOwn(specs, "format") ? context.compile(specs["format"]) : undefined
  const onError = optional(specs, "onError", context)
  const onNull = optional(specs, "onNull", context)
  if (type.isConstant) checkConstant(type)
  return computed([input, type, subtype, format, onError, onNull], (frame) => {
    const value = input.evaluate(frame)
    const typeValue = type.evaluate(frame)
    const target = isNullish(typeValue) ? undefined : typeOfTarget(typeValue)
    if (isNullish(value)) return onNull === undefined ? null : onNull.evaluate(frame)
    if (target === undefined) return null
    const formatValue = format?.evaluate(frame)
    const to = {
      type: target,
      subtype: subtypeOf(subtype.evaluate(frame)),
      format: isNullish(formatValue) ? undefined : formatOf(formatValue)
    }
    if (onError === undefined) return convert(value, to)
    try {
      return convert(value, to)
    } catch (error) {
      if (error instanceof LanguageError && error.kind === "failed") return onError.evaluate(frame)
      throw error
    }
  })
}

const checkConstant = (type: Expression): void => {
  const value = type.evaluate(constantFrame)
  if (!isNullish(value)) typeOfTarget(value)
}

/** `$toInt` and its like. */
const converting = (target: Target): Operator => unary((value) => (isNullish(value) ? null : convert(value, target)))

export const conversion: Operators = {
  $convert: convertOperator,
  $toBool: converting({ type: "bool", subtype: 0 }),
  $toDate: converting({ type: "date", subtype: 0 }),
  $toDecimal: converting({ type: "decimal", subtype: 0 }),
  $toDouble: converting({ type: "double", subtype: 0 }),
  $toInt: converting({ type: "int", subtype: 0 }),
  $toLong: converting({ type: "long", subtype: 0 }),
  $toObjectId: converting({ type: "objectId", subtype: 0 }),
  $toString: converting({ type: "string", subtype: 0, format: "auto" }),
  $toUUID: converting({ type: "binData", subtype: Binary.SUBTYPE_UUID, format: "uuid" })
}
