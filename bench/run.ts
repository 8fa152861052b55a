/**
 * `npm run bench` runs every benchmark, `npm run bench -- NAME` one of them. With `BENCH_SHORT=1` they only show that they
 * work; the figures are then meaningless.
 */
import { readdirSync } from "node:fs"

if (process.env["BENCH_SHORT"] === "1") Object.assign(process.env, { BENCH_ROUNDS: "1", BENCH_SECONDS: "0.2" })

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".bench.ts"))
  .map((file) => file.slice(0, -".bench.ts".length))
const chosen = process.argv.slice(2)
const unknown = chosen.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(", ")}: there are ${names.join(", ")}`)
  process.exit(2)
}

for (const name of chosen.length > 0 ? chosen : names) {
  console.log(`\n${name} (node ${process.version}, ${new Date().toISOString().slice(0, 10)})\n`)
  const { default: run }: { default: () => Promise<ReadonlyArray<Record<string, unknown>>> } = await import(
    `./${name}.bench.ts`
  )
  console.table(await run())
}
