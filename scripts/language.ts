/**
 * Checks the language of everything that people read: comments, messages, titles of tests, pages. It knows words and
 * forms that are easy to find, each with what to write instead; the rest is up to the reader of a change.
 */
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

interface Rule {
  readonly pattern: RegExp
  readonly instead: string
}

/** Words and phrases, wherever they are. */
const words: ReadonlyArray<Rule> = [
  { pattern: /\bwho(?:m)?ever\b/gi, instead: "name the subject: the caller, a client, any process" },
  // "nobody" in quotes or an address is a name
  {
    pattern: /(?<!")\b(?:no|some|every|any)body\b(?!@)/gi,
    instead: "name the subject: no caller, a user, all subscribers"
  },
  { pattern: /\banew\b/gi, instead: "again" },
  { pattern: /\bamiss\b/gi, instead: "wrong" },
  { pattern: /(?<!\bthere )\b(?:is|are|was|were) none\b/gi, instead: "is unknown, is invalid, is not a ..." },
  {
    // "there is no index" is the usual order
    pattern: /(?<!\bthere )\b(?:is|are|was|were) no (?!longer\b|more than\b|less than\b)/gi,
    instead: "is not a ..., invalid ..., there is no ..."
  },
  { pattern: /\bunless (?:given|told|said)\b/gi, instead: "by default, @default" },
  { pattern: /\bfor ever\b/gi, instead: "forever, without end" },
  { pattern: /\bno more\b(?! than)/gi, instead: "no longer" },
  { pattern: /\bas (?:he|she) is\b/gi, instead: "unchanged" },
  { pattern: /\bby so (?:much|many)\b/gi, instead: "by at most ..." },
  { pattern: /\bof such (?:names|a name)\b/gi, instead: "of these names" },
  { pattern: /\bwho asks\b/gi, instead: "the caller" },
  { pattern: /\bdoors?\b/gi, instead: "entry point" },
  { pattern: /^(?:<{7}|>{7}) .*/gm, instead: "a conflict of a merge to be resolved" },
  // a question may begin so
  { pattern: /(?<=^|[.:;]\s|\*\s|\/\s)Who (?!\w[^.]*\?)/gm, instead: "The caller that ..., a user who ..." }
]

/** A docstring without a sentence before an export that users see. */
const bareDocstring: Rule = {
  pattern:
    /\/\*\*\s*\*\s*@(?!internal)(?:(?!\*\/|@internal)[^])*\*\/\s*export (?:abstract class|class|const|function|interface|type) \w+/g,
  instead: "say what it is, its units and default, and how it fails"
}

/** Titles that are no sentences of their own. */
const fragment: Rule = {
  pattern:
    /\b(?:it|test)(?:\.\w+)*\(\s*["'`](?:are|have|may|do|were|that|of|by|to|with|without|but|and|when|while|whose|which|in|after) [^"'`]*/g,
  instead: "a title is a sentence: rejects X when Y"
}

/** What is wrong in one file, a line each. */
export const complaintsOf = (file: string, text: string): ReadonlyArray<string> => {
  const rules = [
    ...words,
    ...(file.startsWith("src/") ? [bareDocstring] : []),
    ...(file.startsWith("test/") ? [fragment] : [])
  ]
  return rules.flatMap(({ instead, pattern }) =>
    [...text.matchAll(pattern)].map((match) => {
      const line = text.slice(0, match.index).split("\n").length
      const shown = match[0].replaceAll(/\s+/g, " ").trim()
      return `${file}:${line} "${shown.length > 60 ? `...${shown.slice(-57)}` : shown}": ${instead}`
    })
  )
}

const read = [
  "*.md",
  "docs/*.md",
  "{src,test,scripts,bench,conformance,examples}/**/*.{ts,tsx,js}",
  "conformance/**/*.md",
  "examples/**/*.md"
]

/** Where the words themselves are. */
const own = new Set(["scripts/language.ts", "test/scripts/language.test.ts"])

if (process.argv[1] === import.meta.filename) {
  const root = resolve(import.meta.dirname, "..")
  const files = globSync(read, { cwd: root, exclude: ["**/node_modules/**"] }).filter((file) => !own.has(file))
  const complaints = files.toSorted().flatMap((file) => complaintsOf(file, readFileSync(join(root, file), "utf8")))
  console.log(complaints.length === 0 ? `${files.length} files are in plain English` : complaints.join("\n"))
  process.exitCode = complaints.length === 0 && files.length > 0 ? 0 : 1
}
