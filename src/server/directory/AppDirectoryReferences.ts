/**
 * Finds names in the functions of an exported application that are not declared (other functions, values and services), and
 * stages that only Atlas has. Computed names are checked at the call only.
 */
import type { AppFunction } from "../model/App.ts"
import type { AppFiles } from "./AppFiles.ts"
import { byName, literal, sourcesOf, usesOf } from "./internal/sourceText.ts"

interface Declared {
  readonly values: ReadonlySet<string>
  /** Absent if no data source is declared, since then every name is one. */
  readonly services: ReadonlySet<string> | undefined
}

const uses = {
  functions: new RegExp(String.raw`\bfunctions\s*\.\s*execute\s*${literal}`, "g"),
  values: new RegExp(String.raw`\bcontext\s*\.\s*values\s*\.\s*get\s*${literal}`, "g"),
  services: new RegExp(String.raw`\bcontext\s*\.\s*services\s*\.\s*get\s*${literal}`, "g"),
  // as a key; `$text` has an argument of that name too
  search: /(?<!\$text["']?\s*:\s*\{[^{}]*)(["']?)(\$search|\$searchMeta|\$vectorSearch)\1\s*:/g
}

/** @internal */
export const reportReferences = (
  files: AppFiles,
  functions: ReadonlyMap<string, AppFunction>,
  declared: Declared
): void => {
  const sources = sourcesOf(functions)
  /** Reports a name once, at its first use. */
  const report = (pattern: RegExp, isKnown: (name: string) => boolean, message: (name: string) => string) => {
    for (const [name, [first, ...others]] of byName(usesOf(sources, pattern))) {
      if (isKnown(name)) continue
      const more = others.length === 0 ? "" : ` (used in ${others.length + 1} places)`
      files.report.push({ file: first.place, message: `${message(name)}${more}` })
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
      (used) => `neither a data source nor a service is named "${used}": it is undefined`
    )
  }
  for (const { name, place } of usesOf(sources, uses.search)) {
    files.report.push({
      file: place,
      message: `${name} is a stage of Atlas Search, which only MongoDB Atlas has: this server rejects the pipeline`
    })
  }
}
