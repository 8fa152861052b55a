/** Node's globals in a realm. They are defined before anything else is evaluated. */
import { spend, useRare } from "./activity.ts"
import { adopt, adoptError } from "./adopt.ts"
import * as console from "./console.ts"
import { host } from "./host.ts"
import * as process from "./process.ts"
import * as timers from "./timers.ts"
import * as twins from "./twins.ts"

type Anything = (...args: ReadonlyArray<unknown>) => unknown

export const define = (name: string, value: unknown): void => {
  Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true })
}

/** Globals with activity of their own, which may call back unobserved. */
const unseen = new Set(["fetch", "BroadcastChannel", "EventSource", "MessageChannel", "WebSocket"])

const made: Map<string, unknown> = new host.global.Map()

const answering = (original: Anything): Anything => {
  const { wrapper } = {
    wrapper: (...args: ReadonlyArray<unknown>) => {
      try {
        return adopt(Reflect.apply(original, undefined, args))
      } catch (cause) {
        throw adoptError(cause)
      }
    }
  }
  Object.defineProperty(wrapper, "name", { value: original.name })
  return Object.freeze(wrapper)
}

const isFunction = (u: unknown): u is Anything => typeof u === "function"

const make = (name: string): unknown => {
  const shared = host.shared(name)
  if (!isFunction(shared)) return shared
  const first = name.charAt(0)
  // not by a regular expression, whose last match functions could see
  const isClass = first !== first.toLowerCase()
  const given = isClass ? shared : answering(shared)
  if (!unseen.has(name)) return given
  return new Proxy(given, {
    apply: (target, self, args) => {
      spend()
      return Reflect.apply(target, self, args)
    },
    construct: (target, args, newTarget) => {
      spend()
      const instance: object = Reflect.construct(target, args, newTarget)
      return instance
    }
  })
}

/** The prototypes of the global object. They are frozen, so they need not be compared. */
const inherited: object = Object.getPrototypeOf(globalThis)

/** Defines a global accessor; an assignment replaces it by a data property. */
const defineRead = (name: string, get: () => unknown): void => {
  const set = (value: unknown) => define(name, value)
  Object.defineProperty(inherited, name, { get, set, enumerable: false, configurable: true })
}

/** Defines a lazy global: most are not used, and some load slowly. */
const defineLater = (name: string): void => {
  const get = () => {
    // the BSON classes check for it, and it loads slowly
    if (isBooting && name === "crypto") return { getRandomValues: () => undefined }
    const found = made.get(name)
    if (found !== undefined) return found
    const value = make(name)
    made.set(name, value)
    return value
  }
  defineRead(name, get)
}

/** Parts of the language that may call back after a call, or change in ways that comparisons do not detect. */
const unseenParts = ["Atomics", "FinalizationRegistry", "WebAssembly"]

/** Rarely used parts of the language that are not reachable otherwise: they are compared if one was used. */
const rareParts = [
  "AsyncDisposableStack",
  "BigInt64Array",
  "BigUint64Array",
  "DataView",
  "DisposableStack",
  "Float16Array",
  "Float32Array",
  "Float64Array",
  "Int16Array",
  "Int32Array",
  "Int8Array",
  "Intl",
  "Proxy",
  "SharedArrayBuffer",
  "SuppressedError",
  "Symbol",
  "Uint16Array",
  "Uint32Array",
  "Uint8ClampedArray",
  "WeakRef"
].filter((name) => name in globalThis)

export const rare: ReadonlyArray<unknown> = [
  ...rareParts.map((name): unknown => Reflect.get(globalThis, name)),
  process.object
]

/** Observes each use of a global. */
const defineNoticed = (name: string, notice: () => void, value: unknown = Reflect.get(globalThis, name)): void => {
  Reflect.deleteProperty(globalThis, name)
  defineRead(name, () => {
    notice()
    return value
  })
}

let isBooting = true

/** Notes that the script of the realm has finished; later uses are those of functions. */
export const booted = (): void => {
  isBooting = false
}

const noticeUnseen = (): void => {
  // the BSON classes would compile a module for each realm, and work without it
  if (isBooting) throw new Error("there is none yet")
  spend()
}

const own: Readonly<Record<string, unknown>> = {
  global: globalThis,
  console: console.object,
  ...timers.functions
}

// its members refer to objects that are not reachable otherwise
const { Segmenter } = Intl
Object.defineProperty(Intl, "Segmenter", {
  get: () => {
    spend()
    return Segmenter
  },
  set: (value: unknown) => {
    Object.defineProperty(Intl, "Segmenter", { value, writable: true, configurable: true })
  },
  configurable: true
})

twins.install()
for (const name of unseenParts) defineNoticed(name, noticeUnseen)
for (const name of rareParts) defineNoticed(name, useRare)
defineNoticed("process", useRare, process.object)
for (const name of host.globalNames) if (!Object.hasOwn(own, name) && name !== "process") defineLater(name)
for (const [name, value] of Object.entries(own)) define(name, value)
Object.freeze(inherited)
