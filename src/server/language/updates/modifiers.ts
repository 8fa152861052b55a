/** The modifiers of fields: what each may be given, and how it changes the value at its path. */
import { Decimal128, Double, Long, Timestamp } from "bson"
import { simple } from "../Collation.ts"
import type { Environment } from "../Environment.ts"
import { codes, failed, invalid } from "../LanguageError.ts"
import { add, isNumber, multiply, numberType, toBigInt } from "../numbers.ts"
import type { NumberValue } from "../numbers.ts"
import { isDocument, typeOf } from "../Value.ts"
import type { Value } from "../Value.ts"
import { idShown } from "./context.ts"
import { shown } from "../messages.ts"
import type { Context, Leaf } from "./tree.ts"
import { identical } from "./identical.ts"

/** Makes the modifier at a path from what it is given. */
export type Modifier = (argument: Value, path: string, environment: Environment) => Leaf

/** A modifier that makes its path where it is missing. */
export const creating = (change: Leaf["change"]): Leaf => ({
  kind: "leaf",
  creates: true,
  lenient: false,
  insertOnly: false,
  change
})

/** A modifier that does nothing where its path is missing. */
export const existing = (change: Leaf["change"]): Leaf => ({ ...creating(change), creates: false })

const set: Modifier = (argument) =>
  creating((value) => (value !== undefined && identical(value, argument) ? value : argument))

const setOnInsert: Modifier = (...given) => ({ ...set(...given), insertOnly: true })

const unset: Modifier = () => ({ ...existing(() => undefined), lenient: true })

const operand = (operator: string, verb: string, argument: Value, path: string): NumberValue =>
  isNumber(argument)
    ? argument
    : invalid(
        `Cannot ${verb} with non-numeric argument: {${path}: ${shown(argument)}}: ${operator} expects a number`,
        codes.TypeMismatch
      )

/** A sum or product where integers that leave 64 bits are an error, and no double. */
const arithmetic = (
  operator: string,
  compute: (a: NumberValue, b: NumberValue) => NumberValue,
  value: NumberValue,
  argument: NumberValue,
  context: Context
): Value => {
  const result = compute(value, argument)
  const isWhole = (it: NumberValue) => numberType(it) === "int" || numberType(it) === "long"
  if (isWhole(value) && isWhole(argument) && !isWhole(result)) {
    return failed(
      `Failed to apply ${operator} operations to current value (${shown(value)}) for document ${idShown(context)}: the result leaves 64 bits`
    )
  }
  return identical(result, value) ? value : result
}

const onNumber = (operator: string, value: Value, context: Context): NumberValue =>
  isNumber(value)
    ? value
    : failed(
        `Cannot apply ${operator} to a value of non-numeric type. ${idShown(context)} has the field '${context.path.at(-1) ?? ""}' of non-numeric type ${typeOf(value)}`,
        codes.TypeMismatch
      )

const inc: Modifier = (argument, path) => {
  const by = operand("$inc", "increment", argument, path)
  return creating((value, context) =>
    value === undefined ? by : arithmetic("$inc", add, onNumber("$inc", value, context), by, context)
  )
}

const mul: Modifier = (argument, path) => {
  const by = operand("$mul", "multiply", argument, path)
  return creating((value, context) =>
    value === undefined ? zeroLike(by) : arithmetic("$mul", multiply, onNumber("$mul", value, context), by, context)
  )
}

/** Zero of the type of a factor, whatever its sign and exponent. */
const zeroLike = (factor: NumberValue): Value => {
  switch (numberType(factor)) {
    case "decimal":
      return new Decimal128("0")
    case "double":
      return new Double(0)
    case "long":
      return Long.ZERO
    default:
      return 0
  }
}

const min: Modifier = (argument, _, { collation = simple }) =>
  creating((value) => (value === undefined || collation.compare(argument, value) < 0 ? argument : value))

const max: Modifier = (argument, _, { collation = simple }) =>
  creating((value) => (value === undefined || collation.compare(argument, value) > 0 ? argument : value))

const currentDate: Modifier = (argument, path) => {
  const isTimestamp = currentDateType(argument, path) === "timestamp"
  return creating((_, context) =>
    isTimestamp ? new Timestamp({ t: Math.floor(context.now.getTime() / 1000), i: 1 }) : context.now
  )
}

const currentDateType = (argument: Value, path: string): "date" | "timestamp" => {
  if (typeof argument === "boolean") return "date"
  if (!isDocument(argument)) {
    return invalid(
      `${typeOf(argument)} is not valid type for $currentDate at '${path}'. Please use a boolean ('true') or a $type expression ({$type: 'timestamp/date'}).`
    )
  }
  const unknown = Object.keys(argument).find((name) => name !== "$type")
  if (unknown !== undefined) invalid(`Unrecognized $currentDate option: ${unknown}`)
  const type = argument["$type"]
  if (type === "date" || type === "timestamp") return type
  return invalid(
    "The '$type' string field is required to be 'date' or 'timestamp': {$currentDate: {field : {$type: 'date'}}}"
  )
}

interface BitStep {
  readonly compute: (a: bigint, b: bigint) => bigint
  readonly by: NumberValue
  readonly bits: bigint
}

const bitwise: ReadonlyMap<string, BitStep["compute"]> = new Map([
  ["and", (a: bigint, b: bigint) => a & b],
  ["or", (a: bigint, b: bigint) => a | b],
  ["xor", (a: bigint, b: bigint) => a ^ b]
])

const integral = (value: Value): bigint | undefined =>
  isNumber(value) && (numberType(value) === "int" || numberType(value) === "long") ? toBigInt(value) : undefined

const bitSteps = (argument: Value, path: string): ReadonlyArray<BitStep> => {
  if (!isDocument(argument)) {
    return invalid(
      `The $bit modifier is not compatible with a ${typeOf(argument)}. You must pass in an embedded document: {$bit: {field: {and/or/xor: #}}}`
    )
  }
  const steps = Object.entries(argument).map(([name, by]) => {
    const compute = bitwise.get(name)
    if (compute === undefined) {
      return invalid(
        `The $bit modifier only supports 'and', 'or', and 'xor', not '${name}' which is an unknown operator: {${path}: ${shown(argument)}}`
      )
    }
    const bits = integral(by)
    if (bits === undefined || !isNumber(by)) {
      return invalid(
        `The $bit modifier field must be an Integer(32/64 bit); a '${typeOf(by)}' is not supported here: {${path}: ${shown(argument)}}`
      )
    }
    return { compute, by, bits }
  })
  if (steps.length === 0)
    invalid("You must pass in at least one bitwise operation. The format is: {$bit: {field: {and/or/xor: #}}}")
  return steps
}

const bit: Modifier = (argument, path) => {
  const steps = bitSteps(argument, path)
  return creating((value, context) => {
    const start = value === undefined ? 0n : integral(value)
    if (start === undefined) {
      return failed(
        `Cannot apply $bit to a value of non-integral type.${idShown(context)} has the field ${context.path.at(-1) ?? ""} of non-integer type ${typeOf(value)}`
      )
    }
    const bits = steps.reduce((result, step) => step.compute(result, step.bits), start)
    const isLong = numberType(value) === "long" || steps.some((step) => numberType(step.by) === "long")
    const result = isLong ? Long.fromBigInt(bits) : Number(BigInt.asIntN(32, bits))
    return value !== undefined && identical(result, value) ? value : result
  })
}

/** The modifiers of single values, by name. */
export const modifiers: Readonly<Record<string, Modifier>> = {
  $set: set,
  $setOnInsert: setOnInsert,
  $unset: unset,
  $inc: inc,
  $mul: mul,
  $min: min,
  $max: max,
  $currentDate: currentDate,
  $bit: bit
}
