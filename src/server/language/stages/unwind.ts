/** `$unwind`: a document for each element of an array. */
import { Long } from "bson"
import { make } from "../budget.ts"
import { invalid } from "../LanguageError.ts"
import { copyOf, define, isDocument, typeOf, withoutField } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { pathParts } from "./fields.ts"
import { all } from "./Stage.ts"
import type { Compile } from "./Stage.ts"

interface Options {
  readonly path: ReadonlyArray<string>
  readonly index: ReadonlyArray<string> | undefined
  readonly keepsAll: boolean
}

const pathOf = (path: Value): ReadonlyArray<string> => {
  if (typeof path !== "string")
    return invalid(`expected a string as the path for $unwind stage, got ${typeOf(path)}`, 28808)
  if (path === "") invalid("no path specified to $unwind stage", 28812)
  if (!path.startsWith("$")) invalid(`path option to $unwind stage should be prefixed with a '$': ${path}`, 28818)
  return pathParts(path.slice(1))
}

const indexOf = (name: Value): ReadonlyArray<string> | undefined => {
  if (name === undefined) return undefined
  if (typeof name !== "string" || name === "") {
    return invalid("expected a non-empty string for the includeArrayIndex option to $unwind stage", 28810)
  }
  if (name.startsWith("$"))
    invalid(`includeArrayIndex option to $unwind stage should not be prefixed with a '$': ${name}`, 28822)
  return pathParts(name)
}

const optionsOf = (argument: Value): Options => {
  if (typeof argument === "string") return { path: pathOf(argument), index: undefined, keepsAll: false }
  if (!isDocument(argument)) {
    return invalid(
      `expected either a string or an object as specification for $unwind stage, got ${typeOf(argument)}`,
      15981
    )
  }
  const unknown = Object.keys(argument).find(
    (name) => !["path", "includeArrayIndex", "preserveNullAndEmptyArrays"].includes(name)
  )
  if (unknown !== undefined) invalid(`unrecognized option to $unwind stage: ${unknown}`, 28811)
  const keepsAll = argument["preserveNullAndEmptyArrays"] ?? false
  if (typeof keepsAll !== "boolean") {
    return invalid("expected a boolean for the preserveNullAndEmptyArrays option to $unwind stage", 28809)
  }
  if (argument["path"] === undefined) invalid("no path specified to $unwind stage", 28812)
  return { path: pathOf(argument["path"]), index: indexOf(argument["includeArrayIndex"]), keepsAll }
}

/** The value of a path that goes through documents only. */
export const plainValue = (document: Document, path: ReadonlyArray<string>): Value => {
  let value: Value = document
  for (const name of path) {
    if (!isDocument(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}

/** A document with a value at a path; what is on the way and no document becomes one. */
export const withPlain = (document: Document, path: ReadonlyArray<string>, value: Value, from = 0): Document => {
  const name = path[from] ?? ""
  const made = copyOf(document)
  if (from === path.length - 1) {
    define(made, name, value)
    return made
  }
  const inner = Object.hasOwn(made, name) ? made[name] : undefined
  define(made, name, withPlain(isDocument(inner) ? inner : {}, path, value, from + 1))
  return made
}

const withoutPlain = (document: Document, path: ReadonlyArray<string>, from = 0): Document => {
  const name = path[from] ?? ""
  if (from === path.length - 1) return withoutField(document, name)
  const inner = document[name]
  if (!isDocument(inner)) return document
  const made = copyOf(document)
  define(made, name, withoutPlain(inner, path, from + 1))
  return made
}

export const unwind: Compile = (argument) => {
  const { path, index, keepsAll } = optionsOf(argument)
  const numbered = (document: Document, i: number | null): Document =>
    index === undefined ? document : withPlain(document, index, i === null ? null : Long.fromNumber(i))
  return all(function* (documents) {
    for (const document of documents) {
      const value = plainValue(document, path)
      if (Array.isArray(value) && value.length > 0) {
        make(value.length)
        for (let i = 0; i < value.length; i++) yield numbered(withPlain(document, path, value[i]), i)
      } else if (value !== undefined && value !== null && !Array.isArray(value)) yield numbered(document, null)
      else if (keepsAll) yield numbered(Array.isArray(value) ? withoutPlain(document, path) : document, null)
    }
  })
}
