/** Operators of documents. */
import { make } from "../budget.ts"
import { failed, invalid } from "../LanguageError.ts"
import { fieldOf } from "../paths.ts"
import { define, type Document, isDocument, typeOf, type Value } from "../Value.ts"
import { type List, listOf } from "./arrays.ts"
import { constantFrame, type Context, type Expression, type Operators } from "./Frame.ts"
import { argumentsOf, computed, isNullish, unary, variadic } from "./operands.ts"

const mergeObjects = (values: List, name: string): Value => {
  const merged: Document = {}
  for (const value of values) {
    if (isNullish(value)) continue
    if (!isDocument(value)) return failed(`${name} takes objects, and not a value of type ${typeOf(value)}`, 40400)
    const names = Object.keys(value)
    make(names.length)
    for (const field of names) define(merged, field, value[field])
  }
  return merged
}

const objectToArray = (value: Value, name: string): Value => {
  if (isNullish(value)) return null
  if (!isDocument(value)) return failed(`${name} takes an object, and not a value of type ${typeOf(value)}`, 40390)
  const names = Object.keys(value)
  make(names.length * 3)
  return names.map((k) => ({ k, v: value[k] }))
}

const keyOf = (value: Value, name: string): string => {
  if (typeof value !== "string") return failed(`${name} takes keys that are strings, and not ${typeOf(value)}`, 40394)
  return value.includes("\0") ? failed(`${name} takes no key with a null byte`, 4940400) : value
}

const pairOf = (item: Value, name: string): readonly [string, Value] => {
  if (!Array.isArray(item))
    return failed(`${name} takes an array of pairs, and not a pair beside ${typeOf(item)}`, 40396)
  if (item.length !== 2)
    return failed(`${name} takes pairs of a key and a value, and not of ${item.length} values`, 40397)
  const [key, value]: List = item
  return [keyOf(key, name), value]
}

const fieldPairOf = (item: Value, name: string): readonly [string, Value] => {
  if (!isDocument(item)) return failed(`${name} takes an array of {k, v}, and not {k, v} beside ${typeOf(item)}`, 40391)
  if (Object.keys(item).length !== 2 || !Object.hasOwn(item, "k") || !Object.hasOwn(item, "v"))
    return failed(`${name} takes objects of 'k' and 'v' and of nothing else`, 40393)
  return [keyOf(item["k"], name), item["v"]]
}

const arrayToObject = (value: Value, name: string): Value => {
  if (isNullish(value)) return null
  const list = listOf(value, name, 40386)
  const [first] = list
  if (list.length > 0 && !Array.isArray(first) && !isDocument(first))
    failed(`${name} takes an array of pairs or of {k, v}, and not of ${typeOf(first)}`, 40398)
  const read = Array.isArray(first) ? pairOf : fieldPairOf
  make(list.length + 1)
  const document: Document = {}
  for (const item of list) {
    const [key, inner] = read(item, name)
    define(document, key, inner ?? null)
  }
  return document
}

/** The name of a field that stands in the specification: it has to be constant. */
const constantField = (spec: unknown, context: Context, name: string): string => {
  const field = context.compile(spec)
  if (!field.isConstant)
    return invalid(`${name} takes a 'field' that is constant: use $literal for a name with '$'`, 4161106)
  const value = field.evaluate(constantFrame)
  return typeof value === "string"
    ? value
    : invalid(`${name} takes a 'field' that is a string, and not ${typeOf(value)}`, 4161107)
}

const getField = (argument: unknown, context: Context, name: string): Expression => {
  const isNamed = isDocument(argument) && !(Object.keys(argument)[0] ?? "").startsWith("$")
  const specs = isNamed ? argumentsOf(argument, name, ["field"], ["input"]) : { field: argument }
  const field = context.compile(specs["field"])
  const input = context.compile(Object.hasOwn(specs, "input") ? specs["input"] : "$$CURRENT")
  if (field.isConstant) nameOf(field.evaluate(constantFrame), name)
  return computed([field, input], (frame) => {
    const key = nameOf(field.evaluate(frame), name)
    const value = input.evaluate(frame)
    if (value === null) return null
    return isDocument(value) ? fieldOf(value, key) : undefined
  })
}

const nameOf = (value: Value, name: string): string =>
  typeof value === "string"
    ? value
    : failed(`${name} takes a 'field' that is a string, and not ${typeOf(value)}`, 3041704)

const objectOf = (value: Value, name: string): Document =>
  isDocument(value) ? value : failed(`${name} takes an 'input' that is an object, and not ${typeOf(value)}`, 4161105)

/** A document with a field set, or without it where the value is undefined. */
const withField = (document: Document, field: string, value: Value): Document => {
  make(Object.keys(document).length + 1)
  const copy: Document = {}
  for (const name of Object.keys(document)) {
    if (name !== field) define(copy, name, document[name])
    else if (value !== undefined) define(copy, name, value)
  }
  if (value !== undefined && !Object.hasOwn(document, field)) define(copy, field, value)
  return copy
}

const setField = (argument: unknown, context: Context, name: string): Expression => {
  const specs = argumentsOf(argument, name, ["field", "input", "value"])
  const field = constantField(specs["field"], context, name)
  const input = context.compile(specs["input"])
  const value = context.compile(specs["value"])
  return computed([input, value], (frame) => {
    const document = input.evaluate(frame)
    if (isNullish(document)) return null
    return withField(objectOf(document, name), field, value.evaluate(frame))
  })
}

const unsetField = (argument: unknown, context: Context, name: string): Expression => {
  const specs = argumentsOf(argument, name, ["field", "input"])
  const field = constantField(specs["field"], context, name)
  const input = context.compile(specs["input"])
  return computed([input], (frame) => {
    const document = input.evaluate(frame)
    return isNullish(document) ? null : withField(objectOf(document, name), field, undefined)
  })
}

export const objects: Operators = {
  $mergeObjects: variadic(mergeObjects),
  $objectToArray: unary(objectToArray),
  $arrayToObject: unary(arrayToObject),
  $getField: getField,
  $setField: setField,
  $unsetField: unsetField
}
