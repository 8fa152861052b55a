/**
 * `npm run conformance`: the built command against unmodified `realm-web`, and against requests as other SDKs send them.
 * A case is behaviour that was observed on the hosted service; § numbers are sections of the protocol's description.
 */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { run, type Topic } from "./harness.ts"
import { start } from "./host.ts"

const folder = join(import.meta.dirname, "cases")
const chosen = process.argv.slice(2)
const topics: Array<Topic> = []
for (const file of readdirSync(folder).toSorted()) {
  if (chosen.length > 0 && !chosen.includes(file.replace(/\.ts$/, ""))) continue
  const module: { readonly default: ReadonlyArray<Topic> } = await import(`./cases/${file}`)
  topics.push(...module.default)
}

const started = performance.now()
const host = await start()
const outcomes = topics.map((topic) => run(topic, host))
let passed = 0
let failed = 0
for (const outcome of outcomes) {
  const { failed: bad, lines, passed: good } = await outcome
  console.log(lines.join("\n"))
  passed += good
  failed += bad
}
await host.stop()

const seconds = ((performance.now() - started) / 1000).toFixed(1)
console.log(`\n${passed} ok, ${failed} failed, in ${seconds} s`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
