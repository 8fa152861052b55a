/**
 * Runs every gate of the project, the fast ones first, two at a time: `npm test`, or `npm test -- types lint` for some of
 * them. A gate fails if its command fails or prints a warning. The last line counts the unit tests.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")
const temporary = mkdtempSync(join(tmpdir(), "gates-"))
const report = join(temporary, "unit.json")

const gates: Record<string, ReadonlyArray<string>> = {
  rooms: ["node scripts/rooms.ts"],
  surface: ["node scripts/surface.ts"],
  language: ["node scripts/language.ts"],
  format: ["oxfmt --check"],
  lint: ["oxlint"],
  types: [
    "tsc",
    "tsc -p tsconfig.build.json --noEmit",
    "tsc -p tsconfig.isomorphic.json",
    "tsc -p tsconfig.react.json",
    "tsc -p src/page"
  ],
  snippets: ["node scripts/guest.ts", "node scripts/page.ts", "node scripts/snippets.ts"],
  unused: ["knip"],
  effect: ["effect-tsgo diagnostics --project tsconfig.json --format text --severity error,warning --strict"],
  unit: [`vitest run --allowOnly=false --reporter=default --reporter=json --outputFile.json=${report}`],
  build: ["node scripts/build.ts"],
  docs: ["node scripts/docs.ts"],
  conformance: ["node conformance/run.ts"],
  bench: ["BENCH_SHORT=1 node --expose-gc bench/run.ts"],
  compilers: ["node scripts/compilers.ts"],
  package: ["node scripts/package.ts"]
}

/** Gates that run alone: the tests keep all cores busy, and later gates need the build. */
const alone = new Set(["unit", "build"])

/** Printed for a test that waits for a real process longer than a second, so it depends on the machine's speed. */
const slowTest = /WARN \(#\d+\): A test is using time, but is not advancing the test clock/g

/** Runs a command; resolves with its exit code and what it printed. */
const runCommand = (command: string): Promise<{ readonly code: number | null; readonly printed: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, {
      cwd: root,
      env: {
        ...process.env,
        NO_COLOR: "1",
        PATH: `${join(root, "node_modules/.bin")}${delimiter}${process.env["PATH"]}`
      },
      shell: true,
      stdio: ["ignore", "pipe", "pipe"]
    })
    const chunks: Array<Buffer> = []
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => void chunks.push(chunk))
    child.once("error", reject)
    child.once("close", (code) => resolve({ code, printed: Buffer.concat(chunks).toString() }))
  })

/** Runs a gate's commands until one fails or warns; resolves with all output. */
const run = async (commands: ReadonlyArray<string>): Promise<{ readonly ok: boolean; readonly output: string }> => {
  let output = ""
  for (const command of commands) {
    const { code, printed } = await runCommand(command)
    output += printed
    if (code !== 0) return { ok: false, output: `${output}\n${command}: exit code ${code}` }
    if (/WARN|[Ww]arning:|npm warn/.test(printed.replace(slowTest, ""))) {
      return { ok: false, output: `${output}\n${command}: warnings` }
    }
  }
  return { ok: true, output }
}

const failed: Array<string> = []
const chosen = process.argv.slice(2)
const unknown = chosen.filter((name) => !(name in gates))
if (unknown.length > 0) throw new Error(`no gate ${unknown.join(", ")}: there are ${Object.keys(gates).join(", ")}`)

// `npm test` finds the `node` devDependency first, or the system's if npm did not run its install script
const node = `node ${process.version}`
if (process.version.startsWith("v24.")) console.log(node)
else failed.push(`${node} instead of 24`)

const runGate = async (name: string): Promise<void> => {
  const start = performance.now()
  const { ok, output } = await run(gates[name] ?? [])
  const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(6)
  console.log(`${ok ? "ok    " : "FAILED"} ${name.padEnd(11)} ${seconds} s`)
  if (!ok) failed.push(name)
  if (!ok || name === "package" || name === "surface") {
    const told = output.trim().split("\n")
    for (const line of ok ? told : told.filter((line) => !line.startsWith("ok "))) console.log(`       ${line}`)
  }
}

const running = new Map<string, Promise<void>>()
for (const name of Object.keys(gates)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  const most = alone.has(name) ? 0 : 1
  while (running.size > most || [...running.keys()].some((other) => alone.has(other))) {
    await Promise.race(running.values())
  }
  running.set(
    name,
    runGate(name).finally(() => running.delete(name))
  )
}
await Promise.all(running.values())

const tests = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : {}
rmSync(temporary, { recursive: true, force: true })
if (failed.length > 0) console.log(`\nfailed: ${failed.join(", ")}`)
for (const { assertionResults } of tests.testResults ?? []) {
  for (const { fullName, status } of assertionResults) if (status === "skipped") console.log(`NOT RUN: ${fullName}`)
}
const skipped = (tests.numPendingTests ?? 0) + (tests.numTodoTests ?? 0)
console.log(
  `\n${tests.numPassedTests ?? 0} passed, ${tests.numFailedTests ?? 0} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`
)
process.exitCode = failed.length === 0 ? 0 : 1
