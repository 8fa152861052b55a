/** Finds names in the sources of functions. */
import * as Array from "effect/Array"
import type { AppFunction } from "../../model/AppFunction.ts"

/** A source without its comments. */
interface SourceText {
  readonly function: string
  readonly file: string
  readonly text: string
}

/** A use of a name in a source. */
export interface Use {
  readonly name: string
  readonly function: string
  /** The file, with the line. */
  readonly place: string
}

/** The sources of functions. */
export const sourcesOf = (functions: ReadonlyMap<string, AppFunction>): ReadonlyArray<SourceText> =>
  [...functions.values()].flatMap(({ body, name }) =>
    body._tag === "Source" ? [{ function: name, file: body.file, text: withoutComments(body.text) }] : []
  )

/** A call's only or first argument, a literal: the second group. */
export const literal = String.raw`\(\s*(["'\`])([^"'\`$]+)\1`

/** The uses that a pattern finds, whose second group is the name. */
export const usesOf = (sources: ReadonlyArray<SourceText>, pattern: RegExp): ReadonlyArray<Use> =>
  sources.flatMap(({ file, function: fn, text }) =>
    [...text.matchAll(pattern)].map((match) => ({
      name: match[2] ?? "",
      function: fn,
      place: `${file}:${text.slice(0, match.index).split("\n").length}`
    }))
  )

/** Replaces comments by blanks. Parts of a regular expression may be taken for a comment. */
const withoutComments = (text: string): string =>
  text.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (token) =>
    token.startsWith("/") ? token.replace(/[^\n]/g, " ") : token
  )

/** Groups uses by name, in pairs. */
export const byName = (uses: ReadonlyArray<Use>) => Object.entries(Array.groupBy(uses, ({ name }) => name))
