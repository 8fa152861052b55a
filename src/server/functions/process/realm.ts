/**
 * The realm of one call: a `node:vm` context with the language's built-ins, Node's globals, and those of the hosted
 * service. Besides functions it runs one script, built from `guest/`. The script and the host exchange primitives;
 * objects that the host passes to it are shared by all realms and frozen.
 */
import type { AsyncLocalStorage } from "node:async_hooks"
import { existsSync, readFileSync } from "node:fs"
import { createRequire, isBuiltin } from "node:module"
import { isAbsolute, resolve, sep } from "node:path"
import * as vm from "node:vm"
import type { Guest, Host, Port } from "./guest/host.ts"
import type { Setup } from "../shared/messages.ts"
import * as moduleFiles from "./moduleFiles.ts"
import * as Snapshot from "./snapshot.ts"

/** The current call and function, for logging and for reporting errors outside of calls. */
export interface Scope {
  readonly call: number
  readonly name: string
}

/** Freezes what all realms share. */
export interface Sharing {
  /** Freezes a class or a function. */
  readonly harden: (value: unknown) => void
  /** Freezes a singleton, such as `performance`. */
  readonly hardenInstance: (value: unknown) => void
  /** Freezes the classes of an object. */
  readonly hardenClassOf: (value: object) => void
  readonly isShared: Snapshot.IsShared
}

export interface Realm extends Pick<Guest, "begin" | "cancel" | "next" | "reply" | "pending"> {
  /** Whether the realm can be reused: calls left no change and no activity. */
  readonly isPristine: () => boolean
}

/** Creates realms, with modules that are loaded in advance. */
export type MakeRealm = (port: Port, modules: Iterable<string>) => Realm

/** The script: built by `scripts/guest.ts` in a checkout, next to this module in the package. */
const script = (): string => {
  const here = import.meta.url
  const file = here.endsWith(".ts")
    ? new URL("../../../../node_modules/.cache/effect-app-services/guest.js", here)
    : new URL("./guest.js", here)
  if (!existsSync(file)) throw new Error(`${file.pathname} is missing: run node scripts/guest.ts`)
  return readFileSync(file, "utf8")
}

const isObject = (u: unknown): u is object => (typeof u === "object" && u !== null) || typeof u === "function"

/** Modules of Node that load slowly and are rarely used. */
const heavy = new Set(["node:console", "node:crypto"])

/** The modules of Node that the script requires; slow ones are loaded on first use. */
const requireLater = (name: string): object =>
  heavy.has(name) ? new Proxy({}, { get: (_, key): unknown => Reflect.get(nodeModule(name), key) }) : nodeModule(name)

/** The names of Node's globals that are not part of the language. */
const globalNames = (): ReadonlyArray<string> => {
  const language = new Set<string>(vm.runInNewContext("Object.getOwnPropertyNames(globalThis)"))
  return Object.getOwnPropertyNames(globalThis).filter((name) => !language.has(name))
}

const nodeRequire = createRequire(import.meta.url)

const nodeModule = (name: string): Record<string, unknown> => nodeRequire(name)

/** Node's modules and globals, each frozen at its first use. */
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
 * Creates the realms of a thread. `scopes` knows the current call and function.
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
      const head = `(function (${parameters}) {`
      found = new vm.Script(`${head}${text}\n})`, {
        filename: file,
        columnOffset: -head.length,
        ...(isAbsolute(file) && { importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER })
      })
      sources.set(key, found)
    }
    return found
  }
  const shared: Omit<Host, "compile" | "port"> = {
    setup,
    root: setup.root === undefined ? undefined : `${resolve(setup.root)}${sep}`,
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
    // ignore what the script itself used while it started
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
    guest.reset()
    return {
      ...guest,
      isPristine: () => {
        if (guest.isSpent() || guest.pending() > 0) return false
        const closely = isLookedAtClosely()
        const same = guest.isSuspect() ? snapshot.isEqual() : snapshot.isUnchanged(closely)
        if (same) guest.reset()
        return same
      }
    }
  }
}
