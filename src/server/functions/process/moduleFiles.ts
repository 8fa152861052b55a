/** Resolves the files of an application's packages, and decides which of them a realm can run. */
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { basename, dirname, extname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { Host, ModuleFile } from "./guest/host.ts"

/** Whether the package of a folder declares its `.js` files as ES modules. */
const isOfModules = (folder: string): boolean => {
  const config = join(folder, "package.json")
  if (existsSync(config)) {
    const { type }: { readonly type?: unknown } = JSON.parse(readFileSync(config, "utf8"))
    return type === "module"
  }
  const above = dirname(folder)
  return basename(above) !== "node_modules" && above !== folder && isOfModules(above)
}

const load = (file: string): ModuleFile => {
  const type = extname(file)
  const isJson = type === ".json"
  if (type === ".mjs" || type === ".node" || (type !== ".cjs" && !isJson && isOfModules(dirname(file)))) {
    return { text: undefined, isJson }
  }
  // without byte order mark and shebang
  return {
    text: readFileSync(file, "utf8")
      .replace(/^\uFEFF/, "")
      .replace(/^#!/, "//"),
    isJson
  }
}

/** Caches the files. */
export const make = (): Pick<Host, "folder" | "load" | "path" | "read" | "resolve"> => {
  const resolvers = new Map<string, NodeJS.RequireResolve>()
  const files = new Map<string, ModuleFile>()
  const path = (file: string) => (file.startsWith("file:") ? fileURLToPath(file) : resolve(file))
  const resolverOf = (from: string): NodeJS.RequireResolve => {
    const folder = dirname(from)
    let found = resolvers.get(folder)
    if (found === undefined) resolvers.set(folder, (found = createRequire(from).resolve))
    return found
  }
  return {
    path,
    folder: (file) => dirname(file),
    resolve: (name, from) => resolverOf(from)(name),
    read: (file) => {
      let found = files.get(file)
      if (found === undefined) files.set(file, (found = load(file)))
      return found
    },
    load: (file) => createRequire(file)(file)
  }
}
