/**
 * Regular expressions as MongoDB has them: those of PCRE, matched by those of JavaScript.
 *
 * A pattern is parsed as PCRE does, and written as JavaScript needs it to match the same. What JavaScript cannot match the
 * same is refused by name.
 */
import { invalid, unsupported } from "./LanguageError.ts"
import { type Emitted, emit } from "./regex/emit.ts"
import { parse } from "./regex/parse.ts"

/** What a regular expression found in a text. */
export interface Found {
  /** Where it begins, in UTF-16 units. */
  readonly index: number
  readonly text: string
  /** What its groups captured; `undefined` where one captured nothing. */
  readonly captures: ReadonlyArray<string | undefined>
}

/** A compiled regular expression. */
export interface Regex {
  /** Whether there is a match anywhere in a text. */
  readonly test: (text: string) => boolean
  /** The first match from a place on, counted in UTF-16 units. */
  readonly find: (text: string, from?: number) => Found | undefined
}

/** Throws for a NUL in a pattern, and for options that are unknown. */
export const check = (pattern: string, options: string): void => {
  const unknown = /[^imsxu]/.exec(options)
  if (unknown !== null) invalid(`invalid flag in regex options: ${unknown[0]}: those known are i, m, s and x`, 51108)
  if (pattern.includes("\0")) invalid("a regular expression cannot contain a null byte", 51109)
}

const flagsOf = (options: string) => {
  const has = (flag: string) => options.includes(flag)
  return { i: has("i"), m: has("m"), s: has("s"), x: has("x") }
}

/** As in MongoDB, in bytes. */
const longest = 32_764

/** Compiles a pattern with its options, of `i`, `m`, `s`, `x` and `u`, which is always so. */
export const compile = (pattern: string, options = ""): Regex => {
  check(pattern, options)
  if (Buffer.byteLength(pattern) > longest) {
    invalid(`Regular expression is invalid: it is longer than ${longest} bytes`, 51091)
  }
  const emitted = emit(parse(pattern, flagsOf(options)))
  const regex = regExp(emitted)
  const search = (text: string, from: number): RegExpExecArray | undefined => {
    regex.lastIndex = from
    for (;;) {
      const found = regex.exec(text)
      // JavaScript finds nothing between the halves of a surrogate pair, where there is no place
      if (found === null || found[0] !== "" || !isInPair(text, found.index)) return found ?? undefined
      regex.lastIndex = found.index + 1
    }
  }
  return {
    test: (text) => {
      if (emitted.mayBeEmpty) return search(text, 0) !== undefined
      regex.lastIndex = 0
      return regex.test(text)
    },
    find: (text, from = 0) => {
      if (emitted.capturesDiffer) {
        unsupported("to find what the groups of a repetition captured, where a round may leave some of them out,")
      }
      const found = search(text, from)
      if (found === undefined) return undefined
      return { index: found.index, text: found[0], captures: emitted.groups.map((group) => found[group]) }
    }
  }
}

const isInPair = (text: string, index: number): boolean =>
  /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(Math.max(0, index - 1), index + 1))

/** Compiles a pattern to the question whether it matches. */
export const regexTest = (pattern: string, options = ""): ((text: string) => boolean) => compile(pattern, options).test

const regExp = ({ flags, source }: Emitted): RegExp => {
  try {
    // only a global one never begins between the halves of a surrogate pair
    return new RegExp(source, `g${flags}`)
  } catch {
    return unsupported("a regular expression that is as large or as unusual as this one")
  }
}
