/** `$out` and `$merge`: what the store is to do with the documents that come out of a pipeline. */
import type { CollectionTarget } from "../Environment.ts"
import * as Expression from "../Expression.ts"
import { failed, invalid, unsupported } from "../LanguageError.ts"
import { define, isDocument, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { shown } from "../messages.ts"
import { keepingId } from "../updates/ids.ts"
import { variablesOf } from "./lookup.ts"
import { all, frameFor } from "./Stage.ts"
import type { Compile, Output, Place } from "./Stage.ts"
import { compileTransform } from "./transforms.ts"

const passOn = () => all((documents) => documents)

const checkName = (stage: string, name: Value): string => {
  if (typeof name !== "string" || name === "")
    return invalid(`Invalid ${stage} target namespace: a collection's name is expected`, 73)
  if (name.startsWith("system.")) invalid(`${stage} cannot write to the collection '${name}'`, 17385)
  return name
}

const targetOf = (stage: string, into: Value): CollectionTarget => {
  if (!isDocument(into)) return { collection: checkName(stage, into) }
  const unknown = Object.keys(into).find((name) => name !== "db" && name !== "coll")
  if (unknown !== undefined)
    invalid(`${stage} target has an unknown field '${unknown}': 'db' and 'coll' are known`, 16994)
  const database = into["db"]
  if (database !== undefined && (typeof database !== "string" || database === "")) {
    return invalid(`${stage} target 'db' must be a string, is type ${typeOf(database)}`, 16994)
  }
  return { database, collection: checkName(stage, into["coll"]) }
}

export const out: Compile = (argument, { writes }) => {
  if (typeof argument !== "string" && !isDocument(argument)) {
    return invalid(`$out only supports a string or object argument, but found ${typeOf(argument)}`, 16990)
  }
  writes({
    target: targetOf("$out", argument),
    mode: "replace",
    on: ["_id"],
    whenNotMatched: "insert",
    whenMatched: (_, added) => added
  })
  return passOn()
}

const options = new Set(["into", "on", "let", "whenMatched", "whenNotMatched"])

const onOf = (on: Value): ReadonlyArray<string> => {
  if (on === undefined) return ["_id"]
  const names = Array.isArray(on) ? on : [on]
  if (names.length === 0) invalid("if explicitly specifying $merge 'on', must include at least one field", 51187)
  const checked = names.map((name) =>
    typeof name === "string" && name !== ""
      ? name
      : invalid(`$merge 'on' must be either a string or an array of strings, but found ${typeOf(name)}`, 51186)
  )
  if (new Set(checked).size < checked.length) invalid("Found a duplicate field in $merge 'on'", 31465)
  return checked
}

const whenNotMatchedOf = (value: Value): Output["whenNotMatched"] => {
  if (value === undefined) return "insert"
  if (value === "insert" || value === "discard" || value === "fail") return value
  return invalid(`$merge 'whenNotMatched' is insert, discard or fail, not ${shown(value)}`, 2)
}

const merged = (existing: Document, added: Document): Document => {
  const made: Document = { ...existing }
  for (const name of Object.keys(added)) define(made, name, added[name])
  return made
}

const whenMatchedOf = (value: Value, argument: Document, place: Place): Output["whenMatched"] => {
  if (Array.isArray(value)) return whenMatchedPipeline(value, argument["let"], place)
  if (argument["let"] !== undefined) invalid("Cannot use 'let' variables unless 'whenMatched' is a pipeline", 51199)
  switch (value ?? "merge") {
    case "merge":
      return (existing, added) => keepingId(existing, merged(existing, added), true)
    case "replace":
      return (existing, added) => keepingId(existing, added, true)
    case "keepExisting":
      return () => undefined
    case "fail":
      return (existing) =>
        failed(`$merge found a matching document in the target collection: { _id: ${shown(existing["_id"])} }`, 11000)
  }
  return invalid(`$merge 'whenMatched' is merge, replace, keepExisting, fail or a pipeline, not ${shown(value)}`, 51191)
}

const whenMatchedPipeline = (
  stages: ReadonlyArray<Value>,
  letSpec: Value,
  { environment, scope }: Place
): Output["whenMatched"] => {
  const given = letSpec === undefined ? { new: "$$ROOT" } : letSpec
  const variables = variablesOf(given, "$merge", scope)
  const inner = Expression.bind(scope, variables.names)
  const steps = stages.map((stage) => compileTransform(stage, inner, environment, "$merge's whenMatched"))
  return (existing, added) => {
    const frame = frameFor({ environment, added: [] })
    frame.root = added
    const values = variables.values.map((evaluate) => evaluate(frame))
    return keepingId(
      existing,
      steps.reduce((document, step) => step(document, values), existing),
      true
    )
  }
}

export const merge: Compile = (argument, place) => {
  if (typeof argument !== "string" && !isDocument(argument)) {
    return invalid(`$merge requires a string or object argument, but found ${typeOf(argument)}`, 51182)
  }
  const spec: Document = typeof argument === "string" ? { into: argument } : argument
  const unknown = Object.keys(spec).find((name) => !options.has(name))
  if (unknown !== undefined) invalid(`BSON field '$merge.${unknown}' is an unknown field.`, 40415)
  if (!Object.hasOwn(spec, "into")) invalid("BSON field '$merge.into' is missing but a required field", 40414)
  if (!place.scope.collation.isSimple) {
    unsupported("$merge with a collation", "a unique index compares strings by their bytes")
  }
  place.writes({
    target: targetOf("$merge", spec["into"]),
    mode: "merge",
    on: onOf(spec["on"]),
    whenNotMatched: whenNotMatchedOf(spec["whenNotMatched"]),
    whenMatched: whenMatchedOf(spec["whenMatched"], spec, place)
  })
  return passOn()
}
