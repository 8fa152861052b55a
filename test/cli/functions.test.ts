import { assert, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { AppDirectory } from "effect-app-services/server"
import { contractOf } from "../../src/cli/functions.ts"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

it.effect("a contract names the functions that clients may call, and their arguments", () => {
  const directory = mkdtempSync(join(tmpdir(), "exported-"))
  mkdirSync(join(directory, "functions", "admin"), { recursive: true })
  const sources: Record<string, string> = {
    sum: "exports = function (a, b) { return a + b }",
    find: "// exports = function (nothing) {}\nexports = async ({ limit, skip }, sort = { at: 1 }) => []",
    one: "exports = x => x",
    none: "exports = async function none() {}",
    "admin/purge": "exports = function (day) {}",
    hidden: "exports = function () {}"
  }
  for (const [name, source] of Object.entries(sources))
    writeFileSync(join(directory, "functions", `${name}.js`), source)
  writeFileSync(
    join(directory, "functions", "config.json"),
    JSON.stringify(Object.keys(sources).map((name) => ({ name, private: name === "hidden" })))
  )
  writeFileSync(join(directory, "realm_config.json"), JSON.stringify({ app_id: "my-app" }))
  return Effect.gen(function* () {
    const text = contractOf(yield* AppDirectory.load(directory))
    const lines = text.split("\n")
    assert.deepStrictEqual(lines.slice(4), [
      "export const Functions = FunctionContract.make({",
      "  sum: { args: [Schema.Unknown /* a */, Schema.Unknown /* b */], returns: Schema.Unknown },",
      "  find: { args: [Schema.Unknown /* argument 1 */, Schema.optionalKey(Schema.Unknown) /* sort */], returns: Schema.Unknown },",
      "  one: { args: [Schema.Unknown /* x */], returns: Schema.Unknown },",
      "  none: { args: [], returns: Schema.Unknown },",
      '  "admin/purge": { args: [Schema.Unknown /* day */], returns: Schema.Unknown }',
      "})"
    ])
    assert.include(lines[0], "my-app")
  }).pipe(Effect.provide(NodeServices.layer))
})
