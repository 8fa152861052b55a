/**
 * Runs the snippets of a folder, one after the other, each with `examples/shop` at http://127.0.0.1:9090, and compares
 * what they print with what their comments say they print.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { registerHooks } from "node:module"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { inspect } from "node:util"
import { expectedOf } from "./snippetFiles.ts"

const root = resolve(import.meta.dirname, "..")
const folder = process.argv[2] ?? ""

// the package's own name is its source, as in tsconfig.json, and tests run without a runner
registerHooks({
  resolve: (specifier, context, next) => {
    if (
      /^(?:@effect\/)?vitest$/.test(specifier) &&
      context.parentURL?.startsWith(pathToFileURL(folder).href) === true
    ) {
      return next(pathToFileURL(join(import.meta.dirname, "snippetTests.ts")).href, context)
    }
    const [, path] = /^effect-app-services(?:\/(.+))?$/.exec(specifier) ?? [undefined, undefined]
    return /^effect-app-services(?:\/|$)/.test(specifier)
      ? next(pathToFileURL(join(root, "src", `${path ?? "index"}.ts`)).href, context)
      : next(specifier, context)
  }
})

const { NodeAppServicesServer } = await import("../src/node.ts")
const { AppDirectory } = await import("../src/server.ts")

const printed: Array<string> = []
const { log } = console
console.log = (...values: ReadonlyArray<unknown>) =>
  void printed.push(values.map((value) => (typeof value === "string" ? value : inspect(value))).join(" "))

/** Gives what a snippet has started time to end or to fail. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 20))

/** The limit of waiting for a snippet's output, in milliseconds. */
const limit = 60_000

/** The first of some lines that was not printed, in this order. */
const missing = (expected: ReadonlyArray<string>): string | undefined => {
  let from = 0
  return expected.find((text) => {
    const at = printed.indexOf(text, from)
    from = at + 1
    return at === -1
  })
}

const complaints: Array<string> = []
let current = ""
process.on("unhandledRejection", (reason) => void complaints.push(`${current}: ${inspect(reason)}`))
process.on("uncaughtException", (error) => void complaints.push(`${current}: ${inspect(error)}`))

const program = Effect.gen(function* () {
  const baseUrl = yield* NodeAppServicesServer.baseUrl
  const { fetch } = globalThis
  globalThis.fetch = (input, init) =>
    fetch(
      typeof input === "string" || input instanceof URL
        ? String(input).replace("http://127.0.0.1:9090", baseUrl)
        : input,
      init
    )
  for (const file of readdirSync(folder).filter((it) => it.endsWith(".ts"))) {
    current = file
    printed.length = 0
    const expected = expectedOf(readFileSync(join(folder, file), "utf8"))
    yield* Effect.promise(async () => {
      try {
        await import(pathToFileURL(join(folder, file)).href)
        const deadline = Date.now() + limit
        do await settled()
        while (missing(expected) !== undefined && Date.now() < deadline)
      } catch (error) {
        complaints.push(`${file}: ${inspect(error)}`)
      }
    })
    const text = missing(expected)
    if (text !== undefined) complaints.push(`${file}: expected the output ${text}, got\n${printed.join("\n")}`)
  }
})

const Shop = Layer.unwrap(
  Effect.map(AppDirectory.load(join(root, "examples/shop")), (app) =>
    NodeAppServicesServer.layer(app, { passwordHashing: "testing", rateLimits: "off" })
  )
).pipe(Layer.provide(NodeServices.layer))

await Effect.runPromise(Effect.provide(program, Shop))
log(complaints.join("\n"))
process.exit(complaints.length === 0 ? 0 : 1)
