/**
 * Bundles the command with its dependencies. A build has it as `dist/bin.js`, so that `npx effect-app-services` needs no peer
 * dependency; tests have it in `node_modules/.cache`, because it starts several times faster than the sources do.
 */
import { mkdirSync, readFileSync, renameSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import * as esbuild from "esbuild"
import type { TestProject } from "vitest/node"

const root = resolve(import.meta.dirname, "..")

/** Each module finds the files beside it where its source is. */
const atSources: esbuild.Plugin = {
  name: "at-sources",
  setup: (build) =>
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)),
      loader: "ts"
    }))
}

export const buildCommand = async (
  outfile: string,
  plugins: ReadonlyArray<esbuild.Plugin> = []
): Promise<esbuild.Metafile> => {
  const { metafile } = await esbuild.build({
    absWorkingDir: root,
    entryPoints: ["src/cli/main.ts"],
    outfile,
    bundle: true,
    platform: "node",
    // jsonc-parser's CommonJS files cannot be bundled
    mainFields: ["module", "main"],
    // optional peers, imported on demand
    external: ["mongodb", "nodemailer"],
    format: "esm",
    target: "node22",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
    // a bundled CommonJS dependency (ws) requires Node's own modules
    banner: {
      js: '#!/usr/bin/env node\nimport { createRequire as __createRequire } from "node:module"\nconst require = __createRequire(import.meta.url)'
    },
    // ws would look for two native add-ons in the user's node_modules
    define: { "process.env.WS_NO_BUFFER_UTIL": '"1"', "process.env.WS_NO_UTF_8_VALIDATE": '"1"' },
    plugins: [...plugins]
  })
  return metafile
}

const buildForTests = async (): Promise<void> => {
  const file = join(root, "node_modules/.cache/effect-app-services/command.js")
  mkdirSync(dirname(file), { recursive: true })
  // a process that is reading the file keeps the old one
  const made = `${file}.${process.pid}`
  await buildCommand(made, [atSources])
  renameSync(made, file)
}

/** For tests: `vitest.config.ts` names this file. Vitest's watch mode builds it again. */
export const setup = async (project: TestProject): Promise<void> => {
  project.onTestsRerun(buildForTests)
  await buildForTests()
}
