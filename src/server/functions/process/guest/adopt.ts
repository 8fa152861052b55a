/**
 * Converts results and exceptions of Node's functions to objects of the realm: arrays and plain objects are copied,
 * errors, dates and bytes get the realm's prototypes, promises are awaited. Objects of Node's own classes are not
 * changed.
 */
import { isDate, isMap, isNativeError, isPromise, isProxy, isSet, isTypedArray } from "node:util/types"
import { follow } from "./activity.ts"
import { host } from "./host.ts"
import { twinOf } from "./twins.ts"

const { getPrototypeOf, setPrototypeOf } = Object

const isObject = (u: unknown): u is object => typeof u === "object" && u !== null

/** Gives a direct instance of a built-in class of the host the realm's prototype of the same name. */
const move = (value: object): object => {
  const twin = twinOf.get(getPrototypeOf(value))
  return twin === undefined || !Object.isExtensible(value) ? keep(value) : setPrototypeOf(value, twin)
}

/** Keeps an object of a class of Node or of the realm. */
const keep = (value: object): object => {
  host.hardenClassOf(value)
  return value
}

const copyInto = (target: object, source: object, seen: WeakMap<object, object>): object => {
  seen.set(source, target)
  for (const key of Reflect.ownKeys(source)) {
    const found = Reflect.getOwnPropertyDescriptor(source, key)
    if (found === undefined || (Array.isArray(source) && key === "length")) continue
    if ("value" in found) found.value = adoptAll(found.value, seen)
    Reflect.defineProperty(target, key, found)
  }
  return target
}

const adoptAll = (value: unknown, seen: WeakMap<object, object>): unknown => {
  if (!isObject(value) || isProxy(value)) return value
  const known = seen.get(value)
  if (known !== undefined) return known
  const prototype: unknown = getPrototypeOf(value)
  // objects without a prototype belong to any realm, but their values may not
  if (prototype === null) return copyInto(Object.create(null), value, seen)
  const twin = isObject(prototype) ? twinOf.get(prototype) : undefined
  if (twin === undefined) return keep(value)
  if (Array.isArray(value)) return copyInto(Array.from({ length: value.length }), value, seen)
  if (twin === Object.prototype) return copyInto({}, value, seen)
  if (isPromise(value)) return promise(value)
  if (isMap(value)) return new Map(Array.from(value, ([key, item]) => [adoptAll(key, seen), adoptAll(item, seen)]))
  if (isSet(value)) return new Set(Array.from(value, (item) => adoptAll(item, seen)))
  if (isNativeError(value)) return adoptError(value)
  return isDate(value) || isTypedArray(value) || value instanceof ArrayBuffer ? move(value) : value
}

const promise = (given: Promise<unknown>): Promise<unknown> =>
  new Promise((resolve, reject) => {
    follow(given).then(
      (value) => resolve(adopt(value)),
      (cause: unknown) => reject(adoptError(cause))
    )
  })

export const adopt = (value: unknown): unknown => (isObject(value) ? adoptAll(value, new WeakMap()) : value)

/** Converts an exception. */
export const adoptError = (cause: unknown): unknown => {
  if (!isNativeError(cause)) return cause
  if (cause.cause !== undefined) cause.cause = adoptError(cause.cause)
  return move(cause)
}
