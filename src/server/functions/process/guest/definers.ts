/**
 * Watches the functions that change property attributes, which values do not show: enumerable, writable, configurable,
 * and accessors. If a call used one of them on an object of the snapshot, its realm is compared completely.
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
  // its methods are the host's, which are frozen
  guarded = new host.global.WeakSet(objects)
}

export const isSuspect = (): boolean => {
  const was = suspect
  suspect = false
  return was
}

const look = (target: unknown): void => {
  if (typeof target !== "object" && typeof target !== "function") return
  // a proxy can hide any object
  if (target !== null && (guarded?.has(target) === true || isProxy(target))) suspect = true
}

/** Replaces a built-in function by one that does the same; its source text is native too. */
const replace = (owner: object, name: string, watched: Anything, original: Anything): void => {
  defineProperty(watched, "name", { value: name })
  defineProperty(watched, "length", { value: original.length })
  defineProperty(owner, name, { value: watched, writable: true, enumerable: false, configurable: true })
}

/** For functions whose first argument is the object. */
const watch = (owner: object, name: string, notice: (target: unknown) => void): void => {
  const original: Anything = Reflect.get(owner, name)
  const watched: Anything = (...args) => {
    notice(args[0])
    return apply(original, owner, args)
  }
  const bound: Anything = apply(bind, watched, [undefined])
  replace(owner, name, bound, original)
}

/** For methods of the object. */
const watchMethod = (owner: object, name: string): void => {
  const original: Anything = Reflect.get(owner, name)
  // a method is not a constructor
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
  // these return symbols, and properties with symbol keys are not counted by a quick comparison
  watch(Object, "getOwnPropertySymbols", useRare)
  watch(Object, "getOwnPropertyDescriptors", useRare)
  watch(Reflect, "ownKeys", useRare)
  watchMethod(Object.prototype, "__defineGetter__")
  watchMethod(Object.prototype, "__defineSetter__")
}
