/**
 * Finds names in the functions of an exported application that are not declared: other functions, values, services and
 * packages. Computed names are checked at the call only.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { createRequire } from "node:module"
import type { AppFunction } from "../model/App.ts"
import type { AppFiles } from "./AppFiles.ts"

interface Declared {
  readonly values: ReadonlySet<string>
  /** Absent if no data source is declared, since then every name is one. */
  readonly services: ReadonlySet<string> | undefined
}

const name = String.raw`\(\s*(["'\`])([^"'\`$]+)\1`
const uses = {
  functions: new RegExp(String.raw`\bfunctions\s*\.\s*execute\s*${name}`, "g"),
  values: new RegExp(String.raw`\bcontext\s*\.\s*values\s*\.\s*get\s*${name}`, "g"),
  services: new RegExp(String.raw`\bcontext\s*\.\s*services\s*\.\s*get\s*${name}`, "g"),
  packages: new RegExp(String.raw`(?<![.\w])require\s*${name}`, "g")
}

const Package = Schema.Struct({
  dependencies: Schema.optional(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)))
})

/** @internal */
export const reportReferences = Effect.fnUntraced(function* (
  files: AppFiles,
  functions: ReadonlyMap<string, AppFunction>,
  declared: Declared
) {
  const sources = [...functions.values()].flatMap(({ body }) =>
    body._tag === "Source" ? [{ file: body.file, text: withoutComments(body.text) }] : []
  )
  /** Reports a name once, at its first use. */
  const report = (pattern: RegExp, isKnown: (name: string) => boolean, message: (name: string) => string) => {
    const places = new Map<string, Array<string>>()
    for (const { file, text } of sources) {
      for (const match of text.matchAll(pattern)) {
        const used = match[2] ?? ""
        if (isKnown(used)) continue
        const line = text.slice(0, match.index).split("\n").length
        places.set(used, [...(places.get(used) ?? []), `${file}:${line}`])
      }
    }
    for (const [used, [place, ...others]] of places) {
      const more = others.length === 0 ? "" : ` (used in ${others.length + 1} places)`
      files.report.push({ file: place, message: `${message(used)}${more}` })
    }
  }

  report(
    uses.functions,
    (used) => functions.has(used),
    (used) => `the function "${used}" does not exist: calling it fails`
  )
  report(
    uses.values,
    (used) => declared.values.has(used),
    (used) => `the value "${used}" does not exist: it is undefined`
  )
  const { services } = declared
  if (services !== undefined) {
    report(
      uses.services,
      (used) => services.has(used),
      (used) => `neither a data source nor a service is named "${used}": it is a separate data source without rules`
    )
  }

  const packed = files.all.find((file) => /^functions\/node_modules\.(?:tar|tar\.gz|tgz|zip)$/.test(file))
  const packages = yield* files.jsonOrReport(
    "functions/package.json",
    Package,
    "it is not known which packages functions need"
  )
  const installed = createRequire(files.path("functions/index.js"))
  const isInstalled = (used: string) => {
    try {
      installed.resolve(used)
      return true
    } catch (cause) {
      return !(cause instanceof Error && "code" in cause && cause.code === "MODULE_NOT_FOUND")
    }
  }
  report(uses.packages, isInstalled, (used) => {
    if (/^\.{0,2}\//.test(used)) return `the module "${used}" does not exist: requiring it fails`
    const owner = used.split("/", used.startsWith("@") ? 2 : 1).join("/")
    const how =
      packed !== undefined
        ? `unpack ${packed} into functions/node_modules`
        : Object.hasOwn(packages?.dependencies ?? {}, owner)
          ? 'run "npm install" in the folder functions'
          : `run "npm install ${owner}" in the folder functions`
    return `the package "${owner}" is not installed: ${how}`
  })
})

/** Replaces comments by blanks. Parts of a regular expression may be taken for a comment. */
const withoutComments = (text: string): string =>
  text.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (token) =>
    token.startsWith("/") ? token.replace(/[^\n]/g, " ") : token
  )
