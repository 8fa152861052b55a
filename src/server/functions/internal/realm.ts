/**
 * The JavaScript world of one call: a `node:vm` context with the language's built-ins, what Node adds to them, and what the
 * hosted service added. What runs in it besides functions is one script, made of `guest/`. It and the host tell each other
 * primitives, and what the host gives it to hand out is the same in all realms and cannot be changed.
 */
import type { AsyncLocalStorage } from "node:async_hooks"
import { existsSync, readFileSync } from "node:fs"
import { createRequire, isBuiltin } from "node:module"
import { isAbsolute } from "node:path"
import * as vm from "node:vm"
import type { Guest, Host, Port } from "./guest/host.ts"
import type { Setup } from "./messages.ts"
import * as moduleFiles from "./moduleFiles.ts"
import * as Snapshot from "./snapshot.ts"

/** A call, and the function of it that runs: who logs, and whom an error that no call waits for is told of. */
export interface Scope {
  readonly call: number
  readonly name: string
}

/** How what all realms share is made unchangeable. */
export interface Sharing {
  /** Makes a class or a function so. */
  readonly harden: (value: unknown) => void
  /** Makes an object so that is neither, such as `performance`. */
  readonly hardenInstance: (value: unknown) => void
  /** Makes the classes of the process so that an object is of. */
  readonly hardenClassOf: (value: object) => void
  readonly isShared: Snapshot.IsShared
}

export interface Realm extends Pick<Guest, "begin" | "cancel" | "next" | "reply" | "pending"> {
  /** Whether a later call would notice nothing of those before: neither a change, nor anything that goes on. */
  readonly isPristine: () => boolean
}

/** What makes realms; with modules that are loaded before the first call. */
export type MakeRealm = (port: Port, modules: Iterable<string>) => Realm

/** The script: of the sources, it is made by `scripts/guest.ts`; of the package, it is beside the thread's module. */
const script = (): string => {
  const here = import.meta.url
  const file = here.endsWith(".ts")
    ? new URL("../../../../node_modules/.cache/effect-app-services/guest.js", here)
    : new URL("./guest.js", here)
  if (!existsSync(file)) throw new Error(`${file.pathname} is missing: node scripts/guest.ts makes it`)
  return readFileSync(file, "utf8")
}

const isObject = (u: unknown): u is object => (typeof u === "object" && u !== null) || typeof u === "function"

/** Modules of Node's that take long to load, and that few functions need. */
const heavy = new Set(["node:console", "node:crypto"])

/** What the script requires of Node's: some are loaded when something of them is asked for. */
const requireLater = (name: string): object =>
  heavy.has(name) ? new Proxy({}, { get: (_, key): unknown => Reflect.get(nodeModule(name), key) }) : nodeModule(name)

/** The names of Node's globals that the language does not have. */
const globalNames = (): ReadonlyArray<string> => {
  const language = new Set<string>(vm.runInNewContext("Object.getOwnPropertyNames(globalThis)"))
  return Object.getOwnPropertyNames(globalThis).filter((name) => !language.has(name))
}

const nodeRequire = createRequire(import.meta.url)

const nodeModule = (name: string): Record<string, unknown> => nodeRequire(name)

/** Node's modules and globals, each made unchangeable when it is first asked for. */
const sharedOf = ({ harden, hardenInstance }: Sharing): Pick<Host, "builtin" | "shared"> => {
  const builtins = new Map<string, Record<string, unknown>>()
  const shared = new Map<string, unknown>()
  const member = (value: unknown): void => {
    if (typeof value === "function" || !isObject(value)) harden(value)
  }
  return {
    builtin: (name) => {
      let found = builtins.get(name)
      if (found === undefined) {
        builtins.set(name, (found = nodeModule(`node:${name}`)))
        if (typeof found === "function") harden(found)
        for (const property of Object.values(Object.getOwnPropertyDescriptors(found))) member(property.value)
      }
      return found
    },
    shared: (name) => {
      if (!shared.has(name)) {
        const value: unknown = Reflect.get(globalThis, name)
        if (typeof value === "object") hardenInstance(value)
        else harden(value)
        shared.set(name, value)
      }
      return shared.get(name)
    }
  }
}

/**
 * What makes the realms of a thread. `scopes` says which function of which call runs.
 */
export const make = (setup: Setup, sharing: Sharing, scopes: AsyncLocalStorage<Scope>): MakeRealm => {
  const main = new vm.Script(
    `(function (__host, require, module, Proxy, Symbol) {${script()}\nreturn module.exports.guest})`,
    {
      filename: "guest.js"
    }
  )
  const snapshots = Snapshot.make(sharing.isShared)
  const sources = new Map<string, vm.Script>()
  const compile = (text: string, file: string, parameters: string): vm.Script => {
    const key = `${file}\n${parameters}\n${text}`
    let found = sources.get(key)
    if (found === undefined) {
      found = new vm.Script(`(function (${parameters}) {${text}\n})`, {
        filename: file,
        ...(isAbsolute(file) && { importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER })
      })
      sources.set(key, found)
    }
    return found
  }
  const shared: Omit<Host, "compile" | "port"> = {
    setup,
    global: globalThis,
    globalNames: globalNames(),
    isBuiltin,
    hardenClassOf: sharing.hardenClassOf,
    within: (name, run) => {
      const scope = scopes.getStore()
      return scope?.name === name ? run() : scopes.run({ call: scope?.call ?? 0, name }, run)
    },
    ...sharedOf(sharing),
    ...moduleFiles.make()
  }
  return (port, modules) => {
    const context = vm.createContext(vm.constants.DONT_CONTEXTIFY)
    const host: Host = {
      ...shared,
      port,
      compile: (text, file, parameters) => compile(text, file, parameters).runInContext(context)
    }
    const boot: (
      host: Host,
      require: typeof requireLater,
      module: object,
      ...noticed: ReadonlyArray<unknown>
    ) => Guest = main.runInContext(context)
    // the script's own uses of what is noticed are no function's
    const guest = boot(host, requireLater, { exports: {} }, context["Proxy"], context["Symbol"])
    const rootsOf = (): Snapshot.Roots => ({
      common: [context, ...guest.roots()],
      rare: guest.rare,
      modules: guest.modules()
    })
    snapshots.prepare(context, rootsOf())
    const kind = [...modules].join("\n")
    for (const module of modules) guest.load(module)
    const snapshot = snapshots.take(context, rootsOf(), kind)
    guest.guard(snapshot.objects)
    const isLookedAtClosely = () => guest.hasUsedRare() || kind !== ""
    guest.isSuspect()
    guest.hasUsedRare()
    return {
      ...guest,
      isPristine: () => {
        if (guest.isSpent() || guest.pending() > 0) return false
        const closely = isLookedAtClosely()
        const same = guest.isSuspect() ? snapshot.isEqual() : snapshot.isUnchanged(closely)
        guest.reset()
        return same
      }
    }
  }
}
