/** `$facet`, `$unionWith` and `$documents`: several pipelines, and documents from elsewhere. */
import { make } from "../budget.ts"
import type { Collation } from "../Collation.ts"
import type { CollectionTarget } from "../Environment.ts"
import * as Expression from "../Expression.ts"
import { invalid } from "../LanguageError.ts"
import { define, isDocument, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { all, frameFor } from "./Stage.ts"
import type { Compile, Inner, Place, Run } from "./Stage.ts"

export const facet: Compile = (argument, { pipeline, scope }) => {
  if (!isDocument(argument) || Object.keys(argument).length === 0) {
    return invalid("the $facet specification must be a non-empty object", 40169)
  }
  const parts = Object.entries(argument).map(([name, stages]) => {
    if (name === "" || name.startsWith("$") || name.includes(".")) {
      invalid(
        `invalid field path in $facet: '${name}': the names of facets have no '$' at the beginning and no '.'`,
        16410
      )
    }
    if (!Array.isArray(stages))
      return invalid(`arguments to $facet must be arrays, ${name} is type ${typeOf(stages)}`, 40170)
    return { name, inner: pipeline(stages, "$facet", scope) }
  })
  return all((documents, run) => {
    const list = [...documents]
    make(list.length)
    const made: Document = {}
    for (const { name, inner } of parts) define(made, name, [...inner.run(list, run)])
    return [made]
  })
}

/** A collection that a stage names: by its name, or with its database. */
export const targetOf = (from: Value, stage: string, option: string): CollectionTarget => {
  if (typeof from === "string") {
    return from === "" ? invalid(`the collection of ${stage} has an empty name`, 73) : { collection: from }
  }
  const known = isDocument(from) && Object.keys(from).every((name) => name === "db" || name === "coll")
  if (!isDocument(from) || !known)
    return invalid(`${stage} argument '${option}' must be a string, is type ${typeOf(from)}`, 9)
  const { db, coll } = from
  if (typeof db !== "string" || typeof coll !== "string" || coll === "") {
    return invalid(`${stage} argument '${option}' must have the strings 'db' and 'coll'`, 9)
  }
  return { database: db, collection: coll }
}

/** Finds documents of a collection by an index: those are ordered by the bytes of strings. */
export const searchOf = ({ environment }: Run, target: CollectionTarget, path: string, { isSimple }: Collation) =>
  isSimple ? environment.search?.(target, path) : undefined

interface Union {
  readonly target: CollectionTarget | undefined
  readonly inner: Inner | undefined
}

const unionOf = (argument: Value, { pipeline, scope, reads }: Place): Union => {
  if (typeof argument === "string") {
    const target = targetOf(argument, "$unionWith", "coll")
    reads(target)
    return { target, inner: undefined }
  }
  if (!isDocument(argument)) {
    return invalid(`the $unionWith stage specification must be an object or string, but found ${typeOf(argument)}`, 9)
  }
  const unknown = Object.keys(argument).find((name) => !["coll", "db", "pipeline"].includes(name))
  if (unknown !== undefined) invalid(`BSON field '$unionWith.${unknown}' is an unknown field.`, 40415)
  const { coll, db, pipeline: stages } = argument
  const target = coll === undefined ? undefined : targetOf(db === undefined ? coll : { db, coll }, "$unionWith", "coll")
  if (target !== undefined) reads(target)
  const inner = stages === undefined ? undefined : pipeline(stages, "$unionWith", scope)
  if (target === undefined && inner?.isSource !== true) {
    invalid("$unionWith stage without explicit collection must have a pipeline with $documents as first stage", 9)
  }
  return { target, inner }
}

const unioned = ({ target, inner }: Union, run: Run): Iterable<Document> => {
  const documents = target === undefined ? [] : run.environment.collection(target, inner?.conditions)
  return inner === undefined ? documents : inner.run(documents, run)
}

export const unionWith: Compile = (argument, place) => {
  const union = unionOf(argument, place)
  return all(function* (documents, run) {
    yield* documents
    yield* unioned(union, run)
  })
}

export const documents: Compile = (argument, { scope }) => {
  const expression = Expression.compile(argument, scope)
  return all((_, run) => {
    const list = expression.evaluate(frameFor(run))
    if (!Array.isArray(list)) return invalid(`an array is expected by $documents, but got ${typeOf(list)}`, 5858203)
    return list.map((document) =>
      isDocument(document)
        ? document
        : invalid(`$documents must be an array of objects, but found ${typeOf(document)}`, 40228)
    )
  })
}
