/** The stages that choose documents: `$match`, `$limit`, `$skip`, `$sample`, `$redact`; and `$count`. */
import { make, spend } from "../budget.ts"
import * as Expression from "../Expression.ts"
import type { Frame } from "../Expression.ts"
import { constantFrame } from "../expressions/Frame.ts"
import * as Filter from "../Filter.ts"
import { failed, invalid } from "../LanguageError.ts"
import { intOrLong, isNumber, toWhole } from "../numbers.ts"
import { define, isDocument, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { shown } from "../messages.ts"
import { all, each, frameFor } from "./Stage.ts"
import type { Compile } from "./Stage.ts"

export const match: Compile = (argument, { environment, scope }) => {
  if (!isDocument(argument)) return invalid("the match filter must be an expression in an object", 15959)
  const filter = Filter.compile(argument, { environment, scope })
  return {
    ...each((document, frame) => (filter.matches(document, frame) ? document : undefined)),
    conditions: filter.conditions
  }
}

const wholeArgument = (stage: string, argument: Value, least: number, code: number): number => {
  const whole = isNumber(argument) ? toWhole(argument) : undefined
  if (whole !== undefined && whole >= least) return whole
  const expected = least === 0 ? "a non-negative integer" : "a positive integer"
  return invalid(`invalid argument to ${stage} stage: Expected ${expected}, but found ${shown(argument)}`, code)
}

/** Passes on a number of documents, and requests no further ones. */
export const limit: Compile = (argument) => {
  const most = wholeArgument("$limit", argument, 1, 15958)
  return {
    ...all(function* (documents) {
      let left = most
      for (const document of documents) {
        yield document
        if (--left === 0) return
      }
    }),
    limit: most
  }
}

export const skip: Compile = (argument) => {
  const count = wholeArgument("$skip", argument, 0, 15956)
  return {
    ...all(function* (documents) {
      let left = count
      for (const document of documents) {
        spend()
        if (left === 0) yield document
        else left--
      }
    }),
    skip: count
  }
}

export const count: Compile = (argument) => {
  if (typeof argument !== "string") return invalid("the count field must be a non-empty string", 40156)
  if (argument === "") invalid("the count field must be a non-empty string", 40157)
  if (argument.startsWith("$")) invalid("the count field cannot be a $-prefixed path", 40158)
  if (argument.includes("\0")) invalid("the count field cannot contain a null byte", 40159)
  if (argument.includes(".")) invalid("the count field cannot contain '.'", 40160)
  return all((documents) => {
    let found = 0
    for (const _ of documents) {
      spend()
      found++
    }
    if (found === 0) return []
    const made: Document = {}
    define(made, argument, intOrLong(found))
    return [made]
  })
}

export const sample: Compile = (argument) => {
  if (!isDocument(argument)) return invalid("the $sample stage specification must be an object", 28745)
  const unknown = Object.keys(argument).find((name) => name !== "size")
  if (unknown !== undefined) invalid(`unrecognized option to $sample: ${unknown}`, 28748)
  const size = isNumber(argument["size"]) ? toWhole(argument["size"]) : undefined
  if (argument["size"] === undefined) invalid("$sample stage must specify a size", 28749)
  if (size === undefined) return invalid("size argument to $sample must be a number", 28746)
  if (size < 0) invalid("size argument to $sample must not be negative", 28747)
  return all((documents, { environment }) => {
    const list = [...documents]
    make(list.length)
    const most = Math.min(size, list.length)
    for (let i = 0; i < most; i++) {
      const other = i + Math.floor(environment.random() * (list.length - i))
      const chosen = list[other]
      const moved = list[i]
      if (chosen === undefined || moved === undefined) continue
      list[i] = chosen
      list[other] = moved
    }
    return list.slice(0, most)
  })
}

const decisions = ["DESCEND", "PRUNE", "KEEP"]

/** Asks an expression of a document, and of each document in it, whether it is kept. */
export const redact: Compile = (argument, { scope }) => {
  const expression = Expression.compile(argument, Expression.bind(scope, decisions))
  const checked = (frame: Frame): string => {
    const decision = expression.evaluate(frame)
    if (decision === "$$DESCEND" || decision === "$$PRUNE" || decision === "$$KEEP") return decision
    return failed(
      `$redact's expression should not return anything aside from the variables $$KEEP, $$DESCEND, and $$PRUNE, but returned ${shown(decision)} of type ${typeOf(decision)}`,
      17053
    )
  }
  if (expression.isConstant) {
    const decision = expression.evaluate(constantFrame)
    if (decision !== "$$DESCEND" && decision !== "$$PRUNE" && decision !== "$$KEEP") {
      invalid(
        `$redact's expression should not return anything aside from the variables $$KEEP, $$DESCEND, and $$PRUNE, but returned ${shown(decision)}`,
        17053
      )
    }
  }
  const redacted = (document: Document, frame: Frame): Document | undefined => {
    spend()
    frame.root = document
    const decision = checked(frame)
    if (decision !== "$$DESCEND") return decision === "$$KEEP" ? document : undefined
    const made: Document = {}
    for (const name of Object.keys(document)) {
      const value = redactedValue(document[name], frame)
      if (value !== undefined) define(made, name, value)
    }
    return made
  }
  const redactedValue = (value: Value, frame: Frame): Value => {
    if (Array.isArray(value)) {
      make(value.length)
      return value.map((element) => redactedValue(element, frame)).filter((element) => element !== undefined)
    }
    return isDocument(value) ? redacted(value, frame) : value
  }
  return {
    kind: "each",
    open: (run) => {
      const frame = frameFor({ ...run, added: [...run.added, "$$DESCEND", "$$PRUNE", "$$KEEP"] })
      return (document) => redacted(document, frame)
    }
  }
}
