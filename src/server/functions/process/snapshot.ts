/**
 * A snapshot of a realm before the first call, to detect changes by a call.
 *
 * Everything that functions can reach from the global object is compared after each call, so the comparison has to be
 * fast. The realms of a thread are created alike: the first one is explored, and a script is generated that finds the
 * same objects in each later realm, records them, and compares. The engine compiles each comparison to a few
 * instructions. They detect added, removed and replaced properties, changed prototypes, and prevented extensions. They
 * do not detect that a property became a getter, read-only or non-enumerable; the functions that do this are watched
 * (`guest/definers.ts`), and if one of them was used, everything is compared.
 */
import { isProxy } from "node:util/types"
import * as vm from "node:vm"

const { getPrototypeOf, isExtensible, isFrozen } = Object
const { getOwnPropertyDescriptor, ownKeys } = Reflect

/** Whether an object is shared by all realms and frozen. */
export type IsShared = (object: object) => boolean

/** Compares a realm with its snapshot. */
interface Snapshot {
  /** The objects of the snapshot. */
  readonly objects: ReadonlyArray<object>
  /**
   * Whether no value has changed. A close comparison also covers objects that are only reachable by rarely used names,
   * and properties with symbol keys, which are slow to count.
   */
  readonly isUnchanged: (closely: boolean) => boolean
  /** Whether nothing has changed, including property attributes. */
  readonly isEqual: () => boolean
}

/** The roots. */
export interface Roots {
  readonly common: ReadonlyArray<unknown>
  /** Roots of objects that are compared only if one of these was used. */
  readonly rare: ReadonlyArray<unknown>
  /** The same for modules, up to a maximum number of properties. */
  readonly modules: ReadonlyArray<unknown>
}

const allOf = ({ common, modules, rare }: Roots): ReadonlyArray<unknown> => [...common, ...rare, ...modules]

type Key = string | symbol

/** How an object is reached from an earlier one. */
interface Found {
  readonly object: object
  readonly parent: number
  readonly via: "root" | "prototype" | "value" | "get" | "set"
  readonly key: Key
}

const isObject = (u: unknown): u is object => (typeof u === "object" && u !== null) || typeof u === "function"

const wellKnown = new Set<unknown>(ownKeys(Symbol).map((key): unknown => Reflect.get(Symbol, key)))

/** Whether a symbol is the same in all realms. */
const isCommon = (symbol: symbol): boolean => wellKnown.has(symbol) || Symbol.keyFor(symbol) !== undefined

const keysOf = (object: object): ReadonlyArray<Key> =>
  ownKeys(object).filter((key) => typeof key === "string" || isCommon(key))

/** The maximum number of compared properties of modules; those nearest to the exports are compared. */
const mostProperties = 20_000

/** The reachable objects, nearest first, and how many of them are reachable from the common roots. */
interface Explored {
  readonly all: ReadonlyArray<Found>
  readonly common: number
}

const explore = ({ common, modules, rare }: Roots, isShared: IsShared): Explored => {
  const seen = new Set<object>()
  const all: Array<Found> = []
  const add = (object: unknown, parent: number, via: Found["via"], key: Key) => {
    if (!isObject(object) || seen.has(object)) return
    seen.add(object)
    if (!isProxy(object) && !isShared(object)) all.push({ object, parent, via, key })
  }
  let next = 0
  const follow = (from: number, roots: ReadonlyArray<unknown>, most: number) => {
    for (const [i, root] of roots.entries()) add(root, from + i, "root", "")
    for (let count = 0; next < all.length && count < most; next++) {
      const { object } = all[next] ?? { object: {} }
      const keys = keysOf(object)
      count += keys.length
      for (const key of keys) {
        const found = getOwnPropertyDescriptor(object, key)
        add(found?.value, next, "value", key)
        add(found?.get, next, "get", key)
        add(found?.set, next, "set", key)
      }
      add(getPrototypeOf(object), next, "prototype", "")
    }
    // objects beyond the maximum number of properties are not compared
    all.length = next
  }
  follow(0, common, Infinity)
  const reached = all.length
  follow(common.length, rare, Infinity)
  follow(common.length + rare.length, modules, mostProperties)
  return { all, common: reached }
}

/** The expected property of an object. */
interface Flags {
  readonly object: number
  readonly key: Key
  readonly enumerable: boolean | undefined
  readonly configurable: boolean | undefined
  readonly writable: boolean | undefined
  /** The numbers of its functions, if it is an accessor. */
  readonly get: number | undefined
  readonly set: number | undefined
}

/** The template of all realms that are created alike. */
interface Template {
  readonly script: vm.Script
  readonly keys: ReadonlyArray<symbol>
  readonly flags: ReadonlyArray<Flags>
  readonly counts: ReadonlyArray<{ readonly object: number; readonly strings: number }>
}

/** Functions of the realm that comparisons use, taken before any call. */
const natives = `({
  descriptor: Object.getOwnPropertyDescriptor,
  freeze: Object.freeze,
  hasOwn: Object.hasOwn,
  isExtensible: Object.isExtensible,
  names: Object.keys,
  prototypeOf: Object.getPrototypeOf,
  symbols: Object.getOwnPropertySymbols
})`

const nativeNames = "descriptor, freeze, hasOwn, isExtensible, names, prototypeOf, symbols"

/** The local names of a script. */
const ownNames = new Set([...nativeNames.split(", "), "roots", "keys", "looks", "quick", "close"])

/** The number of objects per function: the engine compiles small functions better. */
const together = 16

/** Whether a script can use a global name that its own names do not shadow. */
const isName = (key: string): boolean => {
  if (!/^[A-Za-z]{4,}$/.test(key) || ownNames.has(key)) return false
  try {
    void new vm.Script(`(${key}) => 0`)
    return true
  } catch {
    return false
  }
}

/** Generates scripts that find and compare the objects of a realm. */
class Writer {
  readonly keys: Array<symbol> = []
  readonly #all: ReadonlyArray<Found>
  readonly #numbers: Map<object, number>
  readonly #needed = new Set<number>()

  constructor(all: ReadonlyArray<Found>) {
    this.#all = all
    this.#numbers = new Map(all.map(({ object }, i) => [object, i]))
  }

  #at(i: number): Found {
    const found = this.#all[i]
    if (found === undefined) throw new Error(`no object has the number ${i}`)
    return found
  }

  numberOf(object: unknown): number | undefined {
    return isObject(object) ? this.#numbers.get(object) : undefined
  }

  /** A property of an object, in the script. Properties of the global object are fastest to read by their names. */
  at(i: number, key: Key): string {
    const isGlobal = i === 0 && typeof key === "string" && isName(key)
    return isGlobal ? key : `o${i}[${this.key(key)}]`
  }

  key(key: Key): string {
    if (typeof key === "string") return JSON.stringify(key)
    const known = this.keys.indexOf(key)
    return `k${known >= 0 ? known : this.keys.push(key) - 1}`
  }

  /** Makes the script find an object. */
  need(i: number): void {
    if (this.#needed.has(i)) return
    this.#needed.add(i)
    const { parent, via } = this.#at(i)
    if (via !== "root") this.need(parent)
  }

  needs(i: number): boolean {
    return this.#needed.has(i)
  }

  /** The statements that find the needed objects. */
  findings(): string {
    return [...this.#needed]
      .toSorted((a, b) => a - b)
      .map((i) => `const o${i} = ${this.#finding(i)}`)
      .join("\n")
  }

  #finding(i: number): string {
    const { key, parent, via } = this.#at(i)
    switch (via) {
      case "prototype":
        return `prototypeOf(o${parent})`
      case "value":
        return this.at(parent, key)
      case "get":
      case "set":
        return `descriptor(o${parent}, ${this.key(key)}).${via}`
      default:
        return `roots[${parent}]`
    }
  }

  script(body: string, results: string): vm.Script {
    // the statements may use keys, too
    const findings = this.findings()
    const keys = this.keys.map((_, i) => `const k${i} = keys[${i}]`).join("\n")
    return new vm.Script(
      `"use strict";\n((roots, keys, { ${nativeNames} }) => {\n${keys}\n${findings}\n${body}\nreturn ${results}\n})`,
      { filename: "snapshot.js" }
    )
  }
}

/**
 * Whether an object without such an own property still inherits the same value for a key, or one that cannot be
 * compared.
 */
const isInherited = (prototype: object | null, key: Key, value: unknown): boolean => {
  for (let it = prototype; it !== null; it = getPrototypeOf(it)) {
    const found = getOwnPropertyDescriptor(it, key)
    if (found !== undefined) return !("value" in found) || found.value === value
  }
  return value === undefined
}

/** Generates the statements that record and compare an object. */
const comparisons = (writer: Writer, i: number, object: object) => {
  const locals: Array<string> = []
  const checks: Array<string> = []
  const prototype: object | null = getPrototypeOf(object)
  let enumerable = 0
  for (const key of keysOf(object)) {
    const found = getOwnPropertyDescriptor(object, key)
    if (found === undefined) continue
    const { configurable = false, value, writable } = found
    if (typeof key === "string" && found.enumerable === true) enumerable++
    // getters are not called; a property that is neither writable nor configurable cannot change
    const isValue = writable !== undefined && (writable || configurable)
    if (configurable && (writable === undefined || isInherited(prototype, key, value))) {
      checks.push(`hasOwn(o${i}, ${writer.key(key)})`)
    }
    if (!isValue) continue
    const local = `v${i}_${locals.length}`
    const at = writer.at(i, key)
    locals.push(`${local} = ${at}`)
    checks.push(Number.isNaN(value) ? `${at} !== ${at}` : `${at} === ${local}`)
  }
  locals.push(`p${i} = prototypeOf(o${i})`)
  checks.push(`prototypeOf(o${i}) === p${i}`, `names(o${i}).length === ${enumerable}`)
  if (isExtensible(object)) checks.push(`isExtensible(o${i})`)
  const symbols = ownKeys(object).filter((key) => typeof key === "symbol").length
  return { locals, checks, counts: [`symbols(o${i}).length === ${symbols}`] }
}

const flagsOf = (writer: Writer, i: number, object: object): ReadonlyArray<Flags> =>
  keysOf(object).map((key) => {
    const { configurable, enumerable, get, set, writable } = getOwnPropertyDescriptor(object, key) ?? {}
    const numberOf = (it: unknown) => {
      const number = writer.numberOf(it)
      if (number !== undefined) writer.need(number)
      return number
    }
    return { object: i, key, configurable, enumerable, writable, get: numberOf(get), set: numberOf(set) }
  })

/** Generates functions that compare some of the objects each. */
const looksAt = (writer: Writer, kept: ReadonlyArray<readonly [number, object]>): { quick: string; close: string } => {
  let quick = ""
  let close = ""
  for (let from = 0; from < kept.length; from += together) {
    const parts = kept.slice(from, from + together).map(([i, object]) => {
      writer.need(i)
      return comparisons(writer, i, object)
    })
    const locals = parts.flatMap((part) => part.locals).join(", ")
    quick += `{ const ${locals}; add(quick, () => ${parts.flatMap((part) => part.checks).join(" && ")}) }\n`
    close += `add(close, () => ${parts.flatMap((part) => part.counts).join(" && ")})\n`
  }
  return { quick, close }
}

const templateOf = ({ all, common }: Explored): Template => {
  const writer = new Writer(all)
  const kept = all.flatMap(({ object }, i): ReadonlyArray<readonly [number, object]> =>
    isFrozen(object) ? [] : [[i, object]]
  )
  const flags = kept.flatMap(([i, object]) => flagsOf(writer, i, object))
  const ofCommon = looksAt(
    writer,
    kept.filter(([i]) => i < common)
  )
  const ofRare = looksAt(
    writer,
    kept.filter(([i]) => i >= common)
  )
  // by their numbers, without those that are not needed
  const objects = all.map((_, i) => (writer.needs(i) ? `o${i}` : "undefined")).join(", ")
  const script = writer.script(
    `const quick = [], close = [], add = (looks, look) => { looks[looks.length] = look }
${ofCommon.quick}${ofCommon.close}${ofRare.quick.replaceAll("add(quick", "add(close")}${ofRare.close}`,
    `{ quick, close, objects: [${objects}] }`
  )
  const counts = kept.map(([object, it]) => ({
    object,
    strings: ownKeys(it).filter((key) => typeof key === "string").length
  }))
  return { script, keys: writer.keys, flags, counts }
}

/** A script that freezes the functions that are not constructors. There are many, and code rarely changes one. */
const freezerOf = ({ all }: Explored): Pick<Template, "script" | "keys"> => {
  const writer = new Writer(all)
  const freezes = all.flatMap(({ object }, i) => {
    if (typeof object !== "function" || Object.hasOwn(object, "prototype")) return []
    writer.need(i)
    return [`freeze(o${i})`]
  })
  return { script: writer.script(freezes.join("\n"), "true"), keys: writer.keys }
}

const isSame = (objects: ReadonlyArray<object>, flags: Flags): boolean => {
  const object = objects[flags.object]
  const now = object === undefined ? undefined : getOwnPropertyDescriptor(object, flags.key)
  const isFunction = (it: unknown, number: number | undefined) => number === undefined || objects[number] === it
  return (
    now !== undefined &&
    now.enumerable === flags.enumerable &&
    now.configurable === flags.configurable &&
    now.writable === flags.writable &&
    isFunction(now.get, flags.get) &&
    isFunction(now.set, flags.set)
  )
}

type Run<A> = (roots: ReadonlyArray<unknown>, keys: ReadonlyArray<symbol>, natives: object) => A

interface Looks {
  readonly quick: ReadonlyArray<() => boolean>
  readonly close: ReadonlyArray<() => boolean>
  readonly objects: ReadonlyArray<object>
}

const allTrue = (looks: ReadonlyArray<() => boolean>): boolean => {
  for (let i = 0; i < looks.length; i++) if (!(looks[i]?.() ?? false)) return false
  return true
}

/** Records a realm by a template; throws if it differs from the realm of the template. */
const remember = (context: vm.Context, roots: Roots, template: Template): Snapshot => {
  const run: Run<Looks> = template.script.runInContext(context)
  const { close, objects, quick } = run(allOf(roots), template.keys, vm.runInContext(natives, context))
  const isUnchanged = (closely: boolean) => allTrue(quick) && (!closely || allTrue(close))
  const hasAll = ({ object, strings }: Template["counts"][number]) =>
    ownKeys(objects[object] ?? {}).filter((key) => typeof key === "string").length === strings
  return {
    objects: objects.filter((it) => it !== undefined),
    isUnchanged,
    isEqual: () =>
      isUnchanged(true) && template.counts.every(hasAll) && template.flags.every((flags) => isSame(objects, flags))
  }
}

/** The snapshots of a thread's realms. */
export interface Snapshots {
  /** Prepares a realm that has no module yet. */
  readonly prepare: (context: vm.Context, roots: Roots) => void
  /** Records a realm. */
  readonly take: (context: vm.Context, roots: Roots, kind: string) => Snapshot
}

export const make = (isShared: IsShared): Snapshots => {
  let freezer: Pick<Template, "script" | "keys"> | undefined
  let last: { readonly kind: string; readonly template: Template } | undefined
  const explored = (roots: Roots) => templateOf(explore(roots, isShared))
  return {
    prepare: (context, roots) => {
      freezer ??= freezerOf(explore(roots, isShared))
      const run: Run<true> = freezer.script.runInContext(context)
      run(allOf(roots), freezer.keys, vm.runInContext(natives, context))
    },
    take: (context, roots, kind) => {
      if (last?.kind !== kind) last = { kind, template: explored(roots) }
      try {
        const snapshot = remember(context, roots, last.template)
        if (snapshot.isEqual()) return snapshot
      } catch {
        // the realm differs from the template
      }
      return remember(context, roots, explored(roots))
    }
  }
}
