/**
 * Node's modules as functions and packages require them: objects of the realm, whose functions return values of the
 * realm, so that a change of a module is visible in this realm only. Node's classes are shared by all realms and
 * frozen.
 */
import { EventEmitter } from "node:events"
import { adopt, adoptError } from "./adopt.ts"
import { pending, spend } from "./activity.ts"
import * as compatible from "./compatible.ts"
import * as console from "./console.ts"
import { host } from "./host.ts"
import * as process from "./process.ts"
import * as timers from "./timers.ts"

type Anything = (...args: ReadonlyArray<unknown>) => unknown
type Namespace = Record<string, unknown>

/** How the activity of a module's functions is observed. */
type Activity =
  /** They finish at once. */
  | "none"
  /** They call back when they are done, or return a promise. */
  | "callbacks"
  /** They do, or return an emitter that finally emits `close`. */
  | "emitters"
  /** It cannot be observed. */
  | "unseen"

const activities: Readonly<Record<Activity, ReadonlyArray<string>>> = {
  none: [
    "assert",
    "assert/strict",
    "buffer",
    "constants",
    "diagnostics_channel",
    "events",
    "os",
    "path",
    "path/posix",
    "path/win32",
    "punycode",
    "querystring",
    "stream",
    "string_decoder",
    "sys",
    "url",
    "util",
    "util/types"
  ],
  callbacks: ["crypto", "dns", "dns/promises", "fs/promises", "stream/promises", "stream/consumers"],
  emitters: ["child_process", "dgram", "fs", "http", "http2", "https", "net", "readline", "tls", "zlib"],
  unseen: []
}

const activityOf = (module: string): Activity => {
  if (activities.none.includes(module)) return "none"
  if (activities.callbacks.includes(module)) return "callbacks"
  return activities.emitters.includes(module) ? "emitters" : "unseen"
}

/** Members that are objects with functions of their own. */
const nested = new Set(["posix", "win32", "types", "promises", "constants"])

const isObject = (u: unknown): u is object => typeof u === "object" && u !== null

const isClass = (name: string, value: Anything): boolean => /^[A-Z]/.test(name) && Object.hasOwn(value, "prototype")

/** Awaits the end of a result of Node's functions, if it reports its end. */
const watch = (result: unknown, activity: Activity): void => {
  if (activity === "unseen") spend()
  if (activity === "emitters" && result instanceof EventEmitter)
    EventEmitter.prototype.once.call(result, "close", pending())
}

const calledBack = (callback: Anything): Anything => {
  const done = pending()
  return function (this: unknown, ...args: ReadonlyArray<unknown>) {
    try {
      return Reflect.apply(callback, this, args.map(adoptedArgument))
    } finally {
      done()
    }
  }
}

const adoptedArgument = (value: unknown): unknown => adopt(adoptError(value))

const isFunction = (u: unknown): u is Anything => typeof u === "function"

/** The host's functions by their substitutes, and the other way round. */
const originals: WeakMap<object, Anything> = new host.global.WeakMap()
const wrappers: WeakMap<object, Anything> = new host.global.WeakMap()

/** A function of the realm that calls one of Node's. */
const wrap = (original: Anything, activity: Activity): Anything => {
  const known = wrappers.get(original)
  if (known !== undefined) return known
  const { wrapper } = {
    wrapper(this: unknown, ...args: ReadonlyArray<unknown>) {
      const given = activity === "none" ? args : args.map((arg) => (isFunction(arg) ? calledBack(arg) : arg))
      try {
        const result = Reflect.apply(original, this, given)
        watch(result, activity)
        return adopt(result)
      } catch (cause) {
        throw adoptError(cause)
      }
    }
  }
  originals.set(wrapper, original)
  wrappers.set(original, wrapper)
  for (const key of Reflect.ownKeys(original)) {
    const found = Reflect.getOwnPropertyDescriptor(original, key)
    if (found === undefined || key === "prototype" || key === "arguments" || key === "caller") continue
    const value: unknown = Reflect.get(original, key)
    const kept = isFunction(value) ? wrap(value, activity) : isObject(value) ? adopt(value) : value
    Reflect.defineProperty(wrapper, key, { value: kept, enumerable: found.enumerable === true })
  }
  return Object.freeze(wrapper)
}

/** A class of Node; the activity of an instance is observed from its construction. */
const wrapClass = (original: Anything, activity: Activity): object => {
  // an agent has no activity of its own
  if (activity === "none" || activity === "callbacks" || original.name === "Agent") return original
  const made = (result: unknown) => {
    watch(result, activity)
    return result
  }
  return new Proxy(original, {
    apply: (target, self, args) => made(Reflect.apply(target, self, args)),
    construct: (target, args, newTarget) => {
      const result: object = Reflect.construct(target, args, newTarget)
      watch(result, activity)
      return result
    }
  })
}

const member = (name: string, value: unknown, activity: Activity): unknown => {
  if (isFunction(value)) return isClass(name, value) ? wrapClass(value, activity) : wrap(value, activity)
  if (!isObject(value)) return value
  if (nested.has(name)) return surface(value, name === "promises" ? "callbacks" : activity)
  if (name === "globalAgent" && isFunction(value.constructor))
    return Reflect.construct(value.constructor, [agentOptions])
  return adopt(value)
}

const agentOptions = { keepAlive: true, scheduling: "lifo", timeout: 5000 }

/** The substitutes of Node's objects: some objects refer to themselves. */
const surfaces: WeakMap<object, Namespace> = new host.global.WeakMap()

/** An object of the realm with the members of a module. */
const surface = (module: object, activity: Activity): Namespace => {
  const known = surfaces.get(module)
  if (known !== undefined) return known
  const made: Namespace = {}
  surfaces.set(module, made)
  for (const name of Object.getOwnPropertyNames(module)) {
    const found = Reflect.getOwnPropertyDescriptor(module, name)
    if (found === undefined) continue
    const get = () => member(name, Reflect.get(module, name), activity)
    const { enumerable = false } = found
    // a getter may load slowly or print a deprecation warning
    const descriptor =
      "value" in found || nested.has(name)
        ? { value: get(), writable: true }
        : {
            get,
            set: (value: unknown) => {
              Object.defineProperty(made, name, { value, enumerable, writable: true, configurable: true })
            }
          }
    Object.defineProperty(made, name, { ...descriptor, enumerable, configurable: true })
  }
  return made
}

const made: Map<string, unknown> = new host.global.Map()

/** The modules that the realm implements itself. */
const own: Readonly<Record<string, () => unknown>> = {
  console: () => console.object,
  process: () => process.object,
  timers: () => ({ ...timers.functions, promises: timers.promises }),
  "timers/promises": () => ({ ...timers.promises })
}

const resolver = ["setDefaultResultOrder", "setServers"]

/** The functions of modules that would change the process for later calls. */
const refused: Readonly<Record<string, ReadonlyArray<string>>> = {
  crypto: ["setEngine", "setFips"],
  dns: resolver,
  "dns/promises": resolver,
  net: ["setDefaultAutoSelectFamily", "setDefaultAutoSelectFamilyAttemptTimeout"],
  tls: ["setDefaultCACertificates"],
  v8: ["setFlagsFromString", "setHeapSnapshotNearHeapLimit"],
  vm: ["runInThisContext"],
  worker_threads: ["setEnvironmentData"]
}

const refuseSettings = (module: string, object: Namespace): void => {
  for (const name of (Object.hasOwn(refused, module) ? refused[module] : undefined) ?? []) {
    if (name in object) object[name] = () => process.refuse(`${module}.${name}`)
  }
}

const make = (name: string): unknown => {
  const ours = Object.hasOwn(own, name) ? own[name] : undefined
  if (ours !== undefined) return ours()
  const module = host.builtin(name)
  // Node's own, which is frozen
  if (isFunction(module)) return module
  const object = surface(module, activityOf(name))
  refuseSettings(name, object)
  // it is the module dns/promises, too
  if (name === "dns") builtin("dns/promises")
  if (name === "util") object["promisify"] = promisify(object["promisify"])
  compatible.add(name, object)
  return object
}

/** `promisify` for substitutes: some of Node's functions have a promise version. */
const promisify = (original: unknown) => (callback: unknown) => {
  const make = isFunction(original) ? originals.get(original) : undefined
  const behind = isFunction(callback) ? (originals.get(callback) ?? callback) : callback
  const result = make?.(behind)
  return isFunction(result) ? wrap(result, "callbacks") : result
}

/** A module of Node. */
export const builtin = (name: string): unknown => {
  const found = made.get(name)
  if (found !== undefined) return found
  const module = make(name)
  made.set(name, module)
  return module
}
