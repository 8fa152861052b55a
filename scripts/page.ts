/**
 * Builds the page for people (`src/page/`): a script, its styles and its document. A build has them in `dist/page/`; tests,
 * which run the sources, have them in `node_modules/.cache`.
 */
import { copyFileSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import * as esbuild from "esbuild"

const root = resolve(import.meta.dirname, "..")

/** What is bundled: of the server's modules, the page has only types. */
const allowed = /^(?:src\/page\/|node_modules\/preact\/)/

export const buildPage = async (folder: string): Promise<esbuild.Metafile> => {
  const { metafile } = await esbuild.build({
    absWorkingDir: root,
    entryPoints: { page: "src/page/main.tsx", styles: "src/page/page.css" },
    outdir: folder,
    entryNames: "page",
    bundle: true,
    platform: "browser",
    format: "esm",
    target: "es2022",
    minify: true,
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
    tsconfig: "src/page/tsconfig.json"
  })
  const others = Object.keys(metafile.inputs).filter((input) => !allowed.test(input))
  if (others.length > 0) throw new Error(`the page would contain ${others.join(", ")}: import types only`)
  copyFileSync(join(root, "src/page/index.html"), join(folder, "index.html"))
  return metafile
}

/** For tests: `vitest.config.ts` names this file. */
export const setup = async (): Promise<void> => {
  const folder = join(root, "node_modules/.cache/effect-app-services/page")
  // a server that is reading a file keeps the old one
  const made = `${folder}.${process.pid}`
  await buildPage(made)
  mkdirSync(folder, { recursive: true })
  for (const file of ["index.html", "page.css", "page.js"]) renameSync(join(made, file), join(folder, file))
  rmSync(made, { recursive: true })
}

if (import.meta.main) await setup()
