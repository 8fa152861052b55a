import { assert, it } from "@effect/vitest"
import { problem } from "../../src/cli/nodeVersion.ts"

it.each<[runtime: string, versions: Record<string, string>, isRefused: boolean]>([
  ["Node 20", { node: "20.20.2" }, true],
  ["Node 22.18", { node: "22.18.9" }, true],
  ["Node 22.19", { node: "22.19.0" }, false],
  ["Node 24", { node: "24.0.0" }, false],
  ["Bun", { node: "22.6.0", bun: "1.2.0" }, false],
  ["Deno", { node: "20.11.1", deno: "2.0.0" }, false]
])("refuses a Node that is too old: %s", (_, versions, isRefused) => {
  assert.strictEqual(
    problem(versions, ">=22.19"),
    isRefused
      ? `effect-app-services needs Node 22.19 or newer, and this is Node ${versions["node"]}: install a newer one from https://nodejs.org`
      : undefined
  )
})
