/** Operators that ask for types and sizes, and those of timestamps. */
import { codes, failed, invalid } from "../LanguageError.ts"
import { double, isNumber, long } from "../numbers.ts"
import { bytesOf, isA, isDocument, sizeOf, typeOf, type Value } from "../Value.ts"
import type { Expression, Operator, Operators } from "./Frame.ts"
import { isNullish, unary } from "./operands.ts"

const wrong = (name: string, expected: string, value: Value, code: number = codes.TypeMismatch): never =>
  failed(`${name} takes ${expected}, and not a value of type ${typeOf(value)}`, code)

const ofTimestamp = (part: "t" | "i", code: number): Operator =>
  unary((value, name) => {
    if (isNullish(value)) return null
    return isA(value, "Timestamp") ? long(value[part]) : wrong(name, "a timestamp", value, code)
  })

/** An operator without operands: its value is another one each time. */
const withoutOperands =
  (evaluate: Expression["evaluate"]): Operator =>
  (argument, _context, name) => {
    const isEmpty =
      (isDocument(argument) && Object.keys(argument).length === 0) || (Array.isArray(argument) && argument.length === 0)
    return isEmpty
      ? { evaluate, isConstant: false }
      : invalid(`${name} takes no operands: write {${name}: {}}`, 3040501)
  }

export const types: Operators = {
  $type: unary((value) => typeOf(value)),
  $isNumber: unary((value) => isNumber(value)),
  $bsonSize: unary((value, name) => {
    if (isNullish(value)) return null
    return isDocument(value) ? sizeOf(value) : wrong(name, "an object", value, 31393)
  }),
  $binarySize: unary((value, name) => {
    if (isNullish(value)) return null
    if (typeof value === "string") return Buffer.byteLength(value)
    return isA(value, "Binary") ? bytesOf(value).length : wrong(name, "a string or binData", value, 51276)
  }),
  $subtype: unary((value, name) => {
    if (isNullish(value)) return null
    return isA(value, "Binary") ? value.sub_type : wrong(name, "binData", value, 10389300)
  }),
  $tsSecond: ofTimestamp("t", 5687301),
  $tsIncrement: ofTimestamp("i", 5687302),
  $rand: withoutOperands(({ environment }) => double(environment.random())),
  $createObjectId: withoutOperands(({ environment }) => environment.objectId())
}
