/** Writes `docs/errors.md` from the code: `npm run docs:errors`. A test compares the file with its output. */
import { errorCatalogue } from "../src/protocol/internal/errorCatalogue.ts"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const target = join(root, "docs/errors.md")

/** The first sentences of each reason's docstring, and whether a retry helps. */
const reasons = (): ReadonlyArray<string> => {
  const source = readFileSync(join(root, "src/client/AppServicesError.ts"), "utf8")
  const declared = /\/\*\*\n((?: \*.*\n)+?) \*\/\nexport class (\w+) extends[\s\S]*?readonly retryable = (true|false)/g
  return [...source.matchAll(declared)].map(([, doc = "", name = "", retryable]) => {
    const text = doc
      .replaceAll(/^ \* ?/gm, "")
      .split("\n@")[0]
      ?.trim()
      .replaceAll("\n", " ")
    return `| \`${name}\` | ${text} | ${retryable === "true" ? "yes" : "no"} |`
  })
}

export const render = (): string =>
  [
    "# Errors",
    "",
    "<!-- made from the code by `npm run docs:errors` -->",
    "",
    "Every operation fails with `AppServicesError`. Its `reason` is one of the tagged values below. `retryable` says whether the",
    "same request can succeed later; `code`, `status`, `serverMessage` and `link` are those of the host's answer.",
    "",
    "| reason | what happened | retryable |",
    "| --- | --- | --- |",
    ...reasons(),
    "",
    "## Codes of the host",
    "",
    "`error.code` is the host's `error_code`. Codes that are not in this list are passed on if they are identifiers and contain",
    "no secret that was sent.",
    "",
    "| code | status | what it means | retry | what to do |",
    "| --- | --- | --- | --- | --- |",
    ...Object.entries(errorCatalogue).map(
      ([code, { action, meaning, retry, status }]) => `| \`${code}\` | ${status} | ${meaning} | ${retry} | ${action} |`
    ),
    ""
  ].join("\n")

if (process.argv[1] === import.meta.filename) writeFileSync(target, render())
