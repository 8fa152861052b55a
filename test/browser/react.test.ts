/** `examples/react`, built by Vite with its own configuration against the sources, in Chromium. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build, preview } from "vite"
import { Chromium, profile } from "../support/chromium.ts"
import { ShopServer } from "../support/shop.ts"
import { drive } from "../support/widgets.ts"

const root = join(import.meta.dirname, "../..")
const example = join(root, "examples/react")
const manifest = (folder: string) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))

/** The page, built for a host and served, until the scope closes. */
const served = (baseUrl: string) =>
  Effect.gen(function* () {
    const outDir = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "react-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
    const src = join(root, "src")
    const config = { root: example, logLevel: "error", build: { outDir, emptyOutDir: true } } as const
    yield* Effect.promise(() =>
      build({
        ...config,
        define: { "import.meta.env.VITE_BASE_URL": JSON.stringify(baseUrl) },
        resolve: { alias: [{ find: /^effect-app-services\/(.+)$/, replacement: `${src}/$1.ts` }] }
      })
    )
    const server = yield* Effect.acquireRelease(
      Effect.promise(() => preview({ ...config, preview: { host: "127.0.0.1", port: 0 } })),
      (server) => Effect.promise(() => server.close())
    )
    return server.resolvedUrls?.local[0] ?? ""
  })

it.live("a person signs in, calls a function, sees changes of another tab, and signs out in both", () =>
  Effect.gen(function* () {
    const url = yield* served(yield* NodeAppServicesServer.baseUrl)
    const context = yield* profile()
    yield* Effect.promise(() => drive(context, url))
  }).pipe(Effect.scoped, Effect.provide([ShopServer, Chromium.layer]))
)

it("the example asks for the versions that are tested, and its hooks are short", () => {
  const { dependencies, devDependencies } = manifest(example)
  const { devDependencies: here, version } = manifest(root)
  for (const [name, range] of Object.entries({ ...dependencies, ...devDependencies })) {
    assert.strictEqual(range, `^${name === "effect-app-services" ? version : here[name]}`, name)
  }
  for (const file of globSync("src/use*.ts", { cwd: example })) {
    assert.isAtMost(readFileSync(join(example, file), "utf8").split("\n").length, 41, file)
  }
})
