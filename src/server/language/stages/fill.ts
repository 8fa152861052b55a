/** `$fill`: values for fields that are null or missing. */
import { invalid } from "../LanguageError.ts"
import { shown } from "../messages.ts"
import { isDocument, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { addComputed, tree, withComputed } from "./fields.ts"
import { each } from "./Stage.ts"
import type { Compile, Stage } from "./Stage.ts"
import { windowStage } from "./windowFields.ts"

const unknownField = (name: string): never => invalid(`BSON field '$fill.${name}' is an unknown field.`, 40415)

const partitionOf = (argument: Document): Value => {
  const { partitionBy, partitionByFields } = argument
  if (partitionByFields === undefined) {
    if (partitionBy === undefined || isDocument(partitionBy)) return partitionBy
    if (typeof partitionBy === "string") return partitionBy
    return invalid(
      `BSON field '$fill.partitionBy' is the wrong type '${typeOf(partitionBy)}', expected types '[string, object]'`,
      14
    )
  }
  if (partitionBy !== undefined)
    invalid("Maximum one of 'partitionBy' and 'partitionByFields can be specified in '$fill'", 6050204)
  if (!Array.isArray(partitionByFields)) {
    return invalid(
      `BSON field '$fill.partitionByFields' is the wrong type '${typeOf(partitionByFields)}', expected type 'array'`,
      14
    )
  }
  return partitionByFields.map((name) => {
    if (typeof name !== "string") return invalid("'$fill.partitionByFields' is an array of strings", 14)
    return name.startsWith("$")
      ? invalid(`'$fill.partitionByFields' has names of fields, without '$': ${name}`, 6050202)
      : `$${name}`
  })
}

/** A key of several fields, as a document: an array would be refused as a key. */
const keyOf = (partition: Value): Value =>
  Array.isArray(partition) ? Object.fromEntries(partition.map((path, i) => [`key${i}`, path])) : partition

const methods: Readonly<Record<string, string>> = { linear: "$linearFill", locf: "$locf" }

interface Outputs {
  readonly windows: Document
  readonly values: Document
}

const outputsOf = (output: Document): Outputs => {
  const windows: Array<readonly [string, Value]> = []
  const values: Array<readonly [string, Value]> = []
  for (const [field, spec] of Object.entries(output)) {
    if (!isDocument(spec))
      return invalid(
        `BSON field '$fill.output.${field}' is the wrong type '${typeOf(spec)}', expected type 'object'`,
        6050200
      )
    const names = Object.keys(spec)
    const [name] = names
    if (names.length !== 1 || (name !== "value" && name !== "method")) {
      return invalid(
        `Each output of $fill has exactly one of 'method' and 'value': '${field}' has ${names.join(", ") || "nothing"}`,
        6050202
      )
    }
    if (name === "value") {
      values.push([field, { $ifNull: [`$${field}`, spec["value"]] }])
      continue
    }
    const { method } = spec
    const operator = typeof method === "string" && Object.hasOwn(methods, method) ? methods[method] : undefined
    if (operator === undefined)
      return invalid(`Method must be either 'linear' or 'locf', not ${shown(method)}`, 6050202)
    windows.push([field, { [operator]: `$${field}` }])
  }
  return { windows: Object.fromEntries(windows), values: Object.fromEntries(values) }
}

export const fill: Compile = (argument, place) => {
  if (!isDocument(argument))
    return invalid(`the $fill stage specification must be an object, found ${typeOf(argument)}`, 6050205)
  for (const name of Object.keys(argument)) {
    if (!["partitionBy", "partitionByFields", "sortBy", "output"].includes(name)) unknownField(name)
  }
  const { output, sortBy } = argument
  if (output === undefined) return invalid("BSON field '$fill.output' is missing but a required field", 40414)
  if (!isDocument(output) || Object.keys(output).length === 0)
    return invalid("the output of $fill must be a non-empty object", 6050203)
  const partition = keyOf(partitionOf(argument))
  const { windows, values } = outputsOf(output)
  const stages: Array<Stage> = []
  if (Object.keys(windows).length > 0) {
    if (
      sortBy === undefined &&
      Object.values(windows).some((it) => isDocument(it) && Object.hasOwn(it, "$linearFill"))
    ) {
      invalid("$linearFill must be specified with a top level sortBy expression with exactly one element", 605001)
    }
  }
  // an order is kept to even where no value depends on it
  if (Object.keys(windows).length > 0 || sortBy !== undefined) {
    stages.push(windowStage({ partitionBy: partition, sortBy, output: windows }, place))
  }
  if (Object.keys(values).length > 0) {
    const root = tree()
    addComputed(root, values, [], place.scope)
    stages.push(each((document, frame) => withComputed(root, document, frame)))
  }
  return stages
}
