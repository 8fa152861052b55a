/** `effect-app-services functions`: writes a function contract to fill in from an exported application. */
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { App, AppFunction } from "../server/model/App.ts"
import * as AppDirectory from "../server/directory/AppDirectory.ts"

/** The command. */
export const functions = Command.make(
  "functions",
  { directory: Argument.String("directory").pipe(Argument.withDescription("An exported application")) },
  ({ directory }) =>
    AppDirectory.load(directory).pipe(
      Effect.flatMap((app) => Console.log(contractOf(app))),
      Effect.catchTag("AppDirectoryError", (error) =>
        Effect.fail(new CliError.UserError({ cause: error, userMessage: error.message }))
      )
    )
).pipe(
  Command.withDescription("Write a function contract to fill in, for the functions that clients can call"),
  Command.withExamples([
    { command: "effect-app-services functions ./exported-app > Functions.ts", description: "A file to complete" }
  ])
)

/** The TypeScript of a contract: the functions that clients can call, with arguments and results of type unknown. */
export const contractOf = (app: App): string => {
  const callable = [...app.functions.values()].filter((fn) => !fn.private && !fn.closed)
  const entries = callable.map((fn) => {
    const args = parametersOf(fn)
    const schemas = args.map(({ name, optional }) =>
      optional ? `Schema.optionalKey(Schema.Unknown) /* ${name} */` : `Schema.Unknown /* ${name} */`
    )
    const key = /^[A-Za-z_$][\w$]*$/.test(fn.name) ? fn.name : JSON.stringify(fn.name)
    return `  ${key}: { args: [${schemas.join(", ")}], returns: Schema.Unknown }`
  })
  return [
    `/** The functions of ${app.id} that clients can call: fill in the types of arguments and results. */`,
    'import { FunctionContract } from "effect-app-services"',
    'import { Schema } from "effect"',
    "",
    `export const Functions = FunctionContract.make({${entries.length === 0 ? "" : `\n${entries.join(",\n")}\n`}})`
  ].join("\n")
}

interface Parameter {
  readonly name: string
  readonly optional: boolean
}

/** `exports = [async] function [name](...)`, `exports = [async] (...) =>` and `exports = [async] x =>`. */
const exported =
  /\bexports\s*=\s*(?:async\s+)?(?:function\s*\*?\s*[\w$]*\s*\(([^]*?)\)\s*\{|\(([^]*?)\)\s*=>|([\w$]+)\s*=>)/

const parametersOf = ({ body }: AppFunction): ReadonlyArray<Parameter> => {
  if (body._tag !== "Source") return []
  const text = body.text.replaceAll(/\/\*[^]*?\*\/|(^|[^:])\/\/.*$/gm, "$1")
  const found = exported.exec(text)
  return topLevel(found?.[1] ?? found?.[2] ?? found?.[3] ?? "").map((parameter, i) => {
    const name = parameter.split("=")[0]?.trim() ?? ""
    return { name: /^[\w$]+$/.test(name) ? name : `argument ${i + 1}`, optional: parameter.includes("=") }
  })
}

/** Splits at the commas outside of brackets. */
const topLevel = (list: string): ReadonlyArray<string> => {
  const parts: Array<string> = []
  let depth = 0
  let part = ""
  for (const character of list) {
    if ("([{".includes(character)) depth++
    if (")]}".includes(character)) depth--
    if (character === "," && depth === 0) {
      parts.push(part)
      part = ""
    } else part += character
  }
  return [...parts, part].map((it) => it.trim()).filter((it) => it !== "")
}
