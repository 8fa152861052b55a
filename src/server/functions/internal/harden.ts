/**
 * Makes what all realms of a thread share unchangeable: the built-ins of the thread's main realm, and what Node offers.
 *
 * Realms are handed Node's own classes and functions. A call that could change one of them, or what it inherits from,
 * would change it for every other call. So their properties are made read-only and nothing can be added to them. Objects
 * that inherit from a prototype keep the right to override what it has by an assignment, which a read-only property would
 * take away from them: such a property becomes a pair of a getter and a setter that defines it on the object itself.
 *
 * What Node's modules keep at symbols of their own stays as it is, where it is no function: their code may change it.
 */
import { runInNewContext } from "node:vm"
import { functionPrototypes, hidden } from "./intrinsics.ts"

const { defineProperty, freeze, getOwnPropertyDescriptor, getPrototypeOf, preventExtensions, setPrototypeOf } = Object
const { ownKeys } = Reflect

const hardened = new WeakSet<object>()

const { isPrototypeOf } = Object.prototype

/**
 * Whether all realms share an object: it was made unchangeable here, or is an instance of a class of this realm, made by
 * Node. Those that a class of another realm extends are none.
 */
export const isShared = (object: object): boolean => {
  if (hardened.has(object)) return true
  if (typeof object === "function" || !Reflect.apply(isPrototypeOf, Object.prototype, [object])) return false
  const constructor: unknown = getOwnPropertyDescriptor(object, "constructor")?.value
  return typeof constructor !== "function" || constructor.prototype !== object
}

const wellKnown = new Set<unknown>(ownKeys(Symbol).map((key): unknown => Reflect.get(Symbol, key)))

const isObject = (u: unknown): u is object => (typeof u === "object" && u !== null) || typeof u === "function"

/** Prototypes of the engine, whose properties stay plain ones: it takes quick paths while they are. */
const ofEngine = new Set<object>()

/** Those of the engine's prototypes whose properties are often overridden by an assignment: `error.name = "..."`. */
const overridden = new Set<object>()

/** Makes an object, and all that can be reached from it through names, unchangeable. */
export const harden = <A>(root: A): A => {
  hardenFrom(root, false)
  return root
}

const hardenFrom = (root: unknown, isPrototype: boolean): void => {
  const queue: Array<readonly [object, boolean]> = []
  const add = (value: unknown, isPrototype: boolean) => {
    if (isObject(value) && !hardened.has(value)) queue.push([value, isPrototype])
  }
  add(root, isPrototype)
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) hardenOne(...next, add)
}

/** Makes an object unchangeable that Node offers one of, such as `performance`, though it is no class and no function. */
export const hardenInstance = <A>(instance: A): A => {
  harden(instance)
  if (isObject(instance)) {
    preventExtensions(instance)
    hardenProperties(instance, false, harden)
  }
  return instance
}

/** Whether a class is of this realm, which is what the engine makes an object without a prototype of its own of. */
const isOfThisRealm = (constructor: NewableFunction): boolean => {
  const bare: NewableFunction = Reflect.apply(Function.prototype.bind, constructor, [])
  setPrototypeOf(bare, null)
  return getPrototypeOf(Reflect.construct(Object, [], bare)) === Object.prototype
}

/** Whether a prototype is that of a class of this realm. */
const isPrototypeOfThisRealm = (prototype: object): boolean => {
  const found = getOwnPropertyDescriptor(prototype, "constructor")
  // errors of Node's say that they are of the class that they extend
  if (found?.get !== undefined) return getPrototypeOf(found.get) === Function.prototype
  const value: unknown = found?.value
  return typeof value === "function" && value.prototype === prototype && isOfThisRealm(value)
}

/** Makes the classes of this realm unchangeable that an object is of: some of Node's have no name that leads to them. */
export const hardenClassOf = (instance: object): void => {
  for (let it: unknown = getPrototypeOf(instance); isObject(it) && !hardened.has(it); it = getPrototypeOf(it)) {
    if (isPrototypeOfThisRealm(it)) return hardenFrom(it, true)
  }
}

/**
 * What throws the errors of Node's classes that functions use as they are. Each of its errors has a class of its own, which
 * only the error leads to.
 */
const failing: ReadonlyArray<() => unknown> = [
  () => Buffer.alloc(-1),
  () => Reflect.apply(Buffer.from, Buffer, []),
  () => Buffer.from("x").readUInt8(1),
  () => Buffer.from("x").readUInt8(0.5),
  () => Buffer.alloc(0).readUInt8(),
  () => Buffer.from("x").swap16(),
  () => Reflect.apply(Buffer.from, Buffer, ["x", "none"]),
  () => Reflect.apply(Buffer.prototype.write, Buffer.alloc(1), ["x", "none"]),
  () => Reflect.apply(Buffer.concat, Buffer, [[1]]),
  () => new URL("x"),
  () => Reflect.construct(URL, []),
  () => Reflect.construct(URLSearchParams, [[1]]),
  () => Reflect.construct(URLSearchParams, [{ [Symbol.iterator]: 1 }]),
  () => Reflect.apply(URLSearchParams.prototype.get, {}, ["x"]),
  () => Reflect.construct(TextDecoder, ["none"]),
  () => new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.of(255)),
  () => Reflect.apply(TextEncoder.prototype.encode, {}, ["x"]),
  () => Reflect.construct(AbortSignal, []),
  () => Reflect.construct(Event, []),
  () => Reflect.apply(EventTarget.prototype.dispatchEvent, new EventTarget(), [1])
]

/** Makes the classes of Node's own errors unchangeable. */
const hardenErrors = (): void => {
  for (const fail of failing) {
    try {
      fail()
    } catch (error) {
      if (isObject(error)) hardenClassOf(error)
    }
  }
}

const hardenOne = (object: object, isPrototype: boolean, add: (value: unknown, isPrototype: boolean) => void) => {
  if (hardened.has(object)) return
  const parent: unknown = getPrototypeOf(object)
  add(parent, true)
  const constructor: unknown = getOwnPropertyDescriptor(object, "constructor")?.value
  const isFunction = typeof object === "function"
  if (isFunction || isPrototype || (typeof constructor === "function" && constructor.prototype === object)) {
    hardened.add(object)
    preventExtensions(object)
    hardenProperties(object, !isFunction, add)
  } else if (parent === Object.prototype || parent === null || Array.isArray(object)) {
    hardened.add(object)
    for (const found of Object.values(Object.getOwnPropertyDescriptors(object))) {
      add(found.value, false)
      add(found.get, false)
      add(found.set, false)
    }
    freeze(object)
  }
  // an instance of a class has its own life
}

const hardenProperties = (
  object: object,
  isPrototype: boolean,
  add: (value: unknown, isPrototype: boolean) => void
): void => {
  for (const key of ownKeys(object)) {
    const found = getOwnPropertyDescriptor(object, key)
    if (found === undefined) continue
    const { configurable = false, enumerable = false, get, set, value } = found
    // what Node's modules keep at symbols of their own, other than functions, they may change
    const isPrivate = typeof key === "symbol" && !wellKnown.has(key) && Symbol.keyFor(key) === undefined
    if (isPrivate && "value" in found && typeof value !== "function" && !isPrototype) continue
    if (get !== undefined || set !== undefined) {
      add(get, false)
      add(set, false)
      // a class that can be told something, such as EventEmitter its defaults, would keep it for all
      if (configurable && set !== undefined && !isPrototype) defineProperty(object, key, { set: ignore })
      if (configurable) defineProperty(object, key, { configurable: false })
      continue
    }
    if (!isPrivate || typeof value === "function") add(value, typeof object === "function" && key === "prototype")
    if (isPrototype && configurable && found.writable === true && (!ofEngine.has(object) || overridden.has(object))) {
      defineProperty(object, key, { ...overridable(object, key, value), enumerable, configurable: false })
    } else if (configurable) defineProperty(object, key, { writable: false, configurable: false })
    else if (found.writable === true && typeof key === "string") defineProperty(object, key, { writable: false })
  }
}

const ignore = freeze(() => {})

const overridable = (home: object, key: string | symbol, value: unknown) => {
  // methods have no prototype that could be changed
  const { get, set } = {
    get: () => value,
    set(this: unknown, next: unknown) {
      if (this === home || !isObject(this)) {
        throw new TypeError(`Cannot change '${String(key)}' of an object that all calls share`)
      }
      defineProperty(this, key, { value: next, writable: true, enumerable: true, configurable: true })
    }
  }
  return { get: freeze(get), set: freeze(set) }
}

/**
 * Makes the built-ins of this realm unchangeable, on which host code is built, Node's and what it hands out included. It
 * is for a thread that runs functions and nothing else.
 */
export const hardenBuiltIns = (): void => {
  const engine = new Set(Object.getOwnPropertyNames(runInNewContext("globalThis")))
  engine.delete("console")
  engine.delete("globalThis")
  const builtIns = [...engine].flatMap((name) => {
    const value: unknown = Reflect.get(globalThis, name)
    return isObject(value) ? [value] : []
  })
  const unnamed = hidden()
  for (const it of unnamed) ofEngine.add(it)
  for (const it of builtIns) {
    const prototype: unknown = getOwnPropertyDescriptor(it, "prototype")?.value
    if (!isObject(prototype)) continue
    ofEngine.add(prototype)
    if (it === Object || it === Function || Error.prototype === prototype || prototype instanceof Error) {
      overridden.add(prototype)
    }
  }
  for (const it of functionPrototypes()) {
    defineProperty(it, "constructor", { value: tamed(it), writable: false, configurable: false })
  }
  for (const it of [...builtIns, ...unnamed]) harden(it)
  hardenErrors()
}

/**
 * What stands in for the function that makes functions of a text, at the place where those of this realm lead to it: what
 * it made would see this realm's global object, which is nobody's.
 */
const tamed = (prototype: object): object => {
  const name = "Function"
  const { [name]: stand } = {
    [name]: function () {
      throw new TypeError("functions are not made of a text in this realm")
    }
  }
  defineProperty(stand, "prototype", { value: prototype, writable: false })
  return stand
}
