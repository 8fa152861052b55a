/**
 * Watches the functions that change what the values of an object's properties do not show: whether a property can be
 * enumerated, changed or deleted, and whether it is a getter. A call that used one of them on what it shares with later
 * calls is suspect, and its realm is looked at more closely.
 */
import { isProxy } from "node:util/types"
import { useRare } from "./activity.ts"
import { host } from "./host.ts"

type Anything = (...args: ReadonlyArray<unknown>) => unknown

const { defineProperty } = Object
const { apply } = Reflect
const { bind } = Function.prototype

let suspect = false
let guarded: WeakSet<object> | undefined

export const guard = (objects: ReadonlyArray<object>): void => {
  // its methods are the host's, which no call can change
  guarded = new host.global.WeakSet(objects)
}

export const isSuspect = (): boolean => {
  const was = suspect
  suspect = false
  return was
}

const look = (target: unknown): void => {
  if (typeof target !== "object" && typeof target !== "function") return
  // behind a proxy there may be anything
  if (target !== null && (guarded?.has(target) === true || isProxy(target))) suspect = true
}

/** Puts a function in a built-in one's place that does the same; as text, it is native too. */
const replace = (owner: object, name: string, watched: Anything, original: Anything): void => {
  defineProperty(watched, "name", { value: name })
  defineProperty(watched, "length", { value: original.length })
  defineProperty(owner, name, { value: watched, writable: true, enumerable: false, configurable: true })
}

/** For functions that are told the object that they look at or change. */
const watch = (owner: object, name: string, notice: (target: unknown) => void): void => {
  const original: Anything = Reflect.get(owner, name)
  const watched: Anything = (...args) => {
    notice(args[0])
    return apply(original, owner, args)
  }
  const bound: Anything = apply(bind, watched, [undefined])
  replace(owner, name, bound, original)
}

/** For methods of the object that they change. */
const watchMethod = (owner: object, name: string): void => {
  const original: Anything = Reflect.get(owner, name)
  // a method is no constructor
  const { watched } = {
    watched(this: unknown, ...args: ReadonlyArray<unknown>) {
      look(this)
      return apply(original, this, args)
    }
  }
  replace(owner, name, watched, original)
}

export const install = (): void => {
  watch(Object, "defineProperty", look)
  watch(Object, "defineProperties", look)
  watch(Reflect, "defineProperty", look)
  watch(Error, "captureStackTrace", look)
  // these give symbols, which properties can be set by whose names no quick look counts
  watch(Object, "getOwnPropertySymbols", useRare)
  watch(Object, "getOwnPropertyDescriptors", useRare)
  watch(Reflect, "ownKeys", useRare)
  watchMethod(Object.prototype, "__defineGetter__")
  watchMethod(Object.prototype, "__defineSetter__")
}
