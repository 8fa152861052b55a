/**
 * `require`: Node's modules, and the packages of the application, which run in the realm like its functions. A realm
 * has one instance of each module. Later realms load in advance what a call has loaded.
 */
import { adopt, adoptError } from "./adopt.ts"
import { isServing, spend } from "./activity.ts"
import { builtin } from "./builtins.ts"
import { host } from "./host.ts"

export interface Require {
  (name: string): unknown
  readonly resolve: (name: string) => string
  readonly cache: Record<string, Module>
  readonly main: undefined
}

interface Module {
  exports: unknown
  readonly id: string
  readonly filename: string
  readonly path: string
  readonly parent: undefined
  readonly children: ReadonlyArray<Module>
  readonly require: Require
  loaded: boolean
}

const cache: Record<string, Module> = Object.create(null)
const builtins = new host.global.Set<string>()
let depth = 0

/** Notes that a call loaded a new module. */
const noticed = (name: string): void => {
  if (!isServing() || depth > 0) return
  host.port.loaded(name)
  // the module was evaluated among changes of the call
  spend()
}

const requireBuiltin = (name: string): unknown => {
  if (!builtins.has(name)) {
    noticed(name)
    builtins.add(name)
  }
  return name === "module" ? own : builtin(name)
}

const run = (module: Module, file: string): void => {
  const { isJson, text } = host.read(file)
  if (text === undefined) module.exports = host.load(file)
  else if (isJson) module.exports = JSON.parse(text)
  else {
    const main = host.compile(text, file, "exports, require, module, __filename, __dirname")
    const { exports, path, require } = module
    Reflect.apply(main, exports, [exports, require, module, file, path])
  }
  module.loaded = true
}

const requireFile = (file: string): unknown => {
  const found = cache[file]
  if (found !== undefined) return found.exports
  noticed(file)
  const module: Module = {
    exports: {},
    id: file,
    filename: file,
    path: host.folder(file),
    parent: undefined,
    children: [],
    require: requireFrom(file),
    loaded: false
  }
  cache[file] = module
  depth++
  try {
    run(module, file)
  } catch (cause) {
    delete cache[file]
    throw adoptError(cause)
  } finally {
    depth--
  }
  return module.exports
}

/** The `require` of a module. */
const requireFrom = (file: string): Require => {
  const resolve = (name: string): string => {
    try {
      return host.resolve(name, file)
    } catch (cause) {
      throw adoptError(cause)
    }
  }
  const require = (name: string): unknown => {
    const path = resolve(name)
    return host.isBuiltin(path) ? requireBuiltin(path.replace(/^node:/, "")) : requireFile(path)
  }
  return Object.assign(require, { resolve, cache, main: undefined })
}

/** The `require` of the functions of an application, whose packages are in a folder below its root. */
export const requireFunctions = (root: string | undefined): Require => {
  const inner = requireFrom(root === undefined ? host.path("functions.js") : host.path(`${root}/functions/index.js`))
  const require = (name: string): unknown => {
    try {
      if (root !== undefined || host.isBuiltin(name)) return inner(name)
    } catch (cause) {
      // an error while a package loads, even a missing dependency, is more helpful than that the package is missing
      if (!isMissing(cause, name)) throw cause
    }
    const how = root === undefined ? "it is not one of Node's modules" : `run "npx effect-app-services install ${root}"`
    throw new Error(`Cannot find module '${name}': ${how}`)
  }
  return Object.assign(require, { resolve: inner.resolve, cache, main: undefined })
}

const isMissing = (cause: unknown, name: string): boolean =>
  cause instanceof Error &&
  "code" in cause &&
  cause.code === "MODULE_NOT_FOUND" &&
  cause.message.startsWith(`Cannot find module '${name}'`)

/** Node's `module`. */
const own = {
  createRequire: (file: unknown) => requireFrom(host.path(String(file))),
  get builtinModules() {
    return adopt(host.builtin("module")["builtinModules"])
  },
  isBuiltin: (name: unknown) => host.isBuiltin(String(name))
}

/** Loads a module that a call in another realm loaded; errors are left to the call that requires it. */
export const load = (name: string): void => {
  try {
    if (host.isBuiltin(name)) requireBuiltin(name)
    else requireFile(name)
  } catch {
    return
  }
}

/** The modules of the realm, and their registry. */
export const roots = (): ReadonlyArray<unknown> => [
  cache,
  ...Array.from(builtins, requireBuiltin),
  ...Object.values(cache).map((module) => module.exports)
]
