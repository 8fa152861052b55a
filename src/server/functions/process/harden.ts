/**
 * Freezes what all realms of a thread share: the built-ins of the thread's main realm, and Node's API.
 *
 * Realms use Node's own classes and functions. A change of one of them, or of what it inherits from, would be visible
 * to every other call. Therefore their properties are read-only and they are not extensible. A read-only property of a
 * prototype would also prevent objects that inherit it from overriding it by an assignment, so it becomes a getter and
 * a setter that defines it on the object itself.
 *
 * Properties that Node's modules keep under symbols of their own are not changed, except functions: Node may write to them.
 */
import { runInNewContext } from "node:vm"
import { functionPrototypes, hidden } from "./intrinsics.ts"

const { defineProperty, freeze, getOwnPropertyDescriptor, getPrototypeOf, preventExtensions, setPrototypeOf } = Object
const { ownKeys } = Reflect

const hardened = new WeakSet<object>()

const { isPrototypeOf } = Object.prototype

/**
 * Whether all realms share an object: it was frozen here, or is an instance of a class of this realm that Node created.
 * Instances of subclasses in other realms are not shared.
 */
export const isShared = (object: object): boolean => {
  if (hardened.has(object)) return true
  if (typeof object === "function" || !Reflect.apply(isPrototypeOf, Object.prototype, [object])) return false
  const constructor: unknown = getOwnPropertyDescriptor(object, "constructor")?.value
  return typeof constructor !== "function" || constructor.prototype !== object
}

const wellKnown = new Set<unknown>(ownKeys(Symbol).map((key): unknown => Reflect.get(Symbol, key)))

const isObject = (u: unknown): u is object => (typeof u === "object" && u !== null) || typeof u === "function"

/** Prototypes of the engine whose properties stay data properties, which keeps the engine's fast paths. */
const ofEngine = new Set<object>()

/** Prototypes of the engine whose properties are often overridden by an assignment: `error.name = "..."`. */
const overridden = new Set<object>()

/** Freezes an object and everything reachable from it through string keys. */
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

/** Freezes a singleton of Node, such as `performance`. */
export const hardenInstance = <A>(instance: A): A => {
  harden(instance)
  if (isObject(instance)) {
    preventExtensions(instance)
    hardenProperties(instance, false, harden)
  }
  return instance
}

/** Whether a class belongs to this realm, by the prototype that the engine gives to its instances. */
const isOfThisRealm = (constructor: NewableFunction): boolean => {
  const bare: NewableFunction = Reflect.apply(Function.prototype.bind, constructor, [])
  setPrototypeOf(bare, null)
  return getPrototypeOf(Reflect.construct(Object, [], bare)) === Object.prototype
}

/** Whether a prototype belongs to a class of this realm. */
const isPrototypeOfThisRealm = (prototype: object): boolean => {
  const found = getOwnPropertyDescriptor(prototype, "constructor")
  // Node's errors name their base class as constructor
  if (found?.get !== undefined) return getPrototypeOf(found.get) === Function.prototype
  const value: unknown = found?.value
  return typeof value === "function" && value.prototype === prototype && isOfThisRealm(value)
}

/** Freezes the classes of an object in this realm: some of Node's classes are not reachable by a name. */
export const hardenClassOf = (instance: object): void => {
  for (let it: unknown = getPrototypeOf(instance); isObject(it) && !hardened.has(it); it = getPrototypeOf(it)) {
    if (isPrototypeOfThisRealm(it)) return hardenFrom(it, true)
  }
}

/**
 * Calls that throw the errors of Node's classes. Each kind of error has a class that is reachable from an instance only.
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

/** Freezes the classes of Node's errors. */
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
  // instances are not frozen
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
    // Node's modules may write to properties under their own symbols, except functions
    const isPrivate = typeof key === "symbol" && !wellKnown.has(key) && Symbol.keyFor(key) === undefined
    if (isPrivate && "value" in found && typeof value !== "function" && !isPrototype) continue
    if (get !== undefined || set !== undefined) {
      add(get, false)
      add(set, false)
      // static setters, such as EventEmitter's defaults, would affect all calls
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
  // methods have no prototype
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
 * Freezes the built-ins of this realm, on which Node and the host code depend. Only for a thread that runs nothing but
 * functions.
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
 * Replaces the Function constructor of this realm: a function that it creates would see this realm's global object.
 */
const tamed = (prototype: object): object => {
  const name = "Function"
  const { [name]: stand } = {
    [name]: function () {
      throw new TypeError("functions cannot be created from a string in this realm")
    }
  }
  defineProperty(stand, "prototype", { value: prototype, writable: false })
  return stand
}
