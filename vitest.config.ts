import { join } from "node:path"
import { defineConfig } from "vitest/config"
import { folder as compileCache } from "./scripts/compileCache.ts"

const src = join(import.meta.dirname, "src")

export default defineConfig({
  resolve: {
    // the package's own name is its source, as in tsconfig.json
    alias: [
      { find: /^effect-app-services$/, replacement: `${src}/index.ts` },
      { find: /^effect-app-services\/(.+)$/, replacement: `${src}/$1.ts` }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["scripts/guest.ts", "scripts/page.ts", "scripts/command.ts", "scripts/compileCache.ts"],
    // of the processes that tests start
    env: { NODE_COMPILE_CACHE: compileCache },
    // what ends a test that hangs: nothing that works takes so long, on the busiest of machines
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: "threads",
    // one more than the cores of a small machine: many tests wait for other processes
    maxWorkers: 3,
    // one import of effect for all files: nothing in src/ or test/ keeps state in a module
    isolate: false,
    typecheck: {
      enabled: true,
      include: ["test/**/*.test-d.ts"],
      // the rest is the types gate's
      ignoreSourceErrors: true
    }
  }
})
