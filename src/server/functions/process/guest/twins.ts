/**
 * Makes `instanceof` of the realm's built-in classes hold for objects of the host: an error of a URL, the bytes of a
 * Buffer, a promise of a package. These are instances of the host's class of the same name.
 */
import { host } from "./host.ts"

const { apply, defineProperty } = Reflect
const { isPrototypeOf } = Object.prototype
const ordinary = Function.prototype[Symbol.hasInstance]

const names = [
  "Object",
  "Function",
  "Array",
  "Error",
  "AggregateError",
  "EvalError",
  "RangeError",
  "ReferenceError",
  "SyntaxError",
  "TypeError",
  "URIError",
  "Promise",
  "Date",
  "RegExp",
  "Map",
  "Set",
  "ArrayBuffer",
  "SharedArrayBuffer",
  "DataView",
  "Uint8Array",
  "Int8Array",
  "Uint8ClampedArray",
  "Uint16Array",
  "Int16Array",
  "Uint32Array",
  "Int32Array",
  "BigUint64Array",
  "BigInt64Array",
  "Float32Array",
  "Float64Array"
]

/** The host's prototypes and their counterparts in the realm. */
export const twinOf: WeakMap<object, object> = new host.global.WeakMap()

const join = (name: string): void => {
  const ours: { readonly prototype: object } = Reflect.get(globalThis, name)
  const { prototype }: { readonly prototype: object } = Reflect.get(host.global, name)
  twinOf.set(prototype, ours.prototype)
  // a method is not a constructor
  const { isInstance } = {
    isInstance(this: unknown, value: unknown): boolean {
      return (
        apply(ordinary, this, [value]) ||
        // a subclass of a built-in class inherits this, and has no counterpart
        (this === ours && apply(isPrototypeOf, prototype, [value]))
      )
    }
  }
  defineProperty(isInstance, "name", { value: "[Symbol.hasInstance]" })
  defineProperty(ours, Symbol.hasInstance, {
    value: isInstance,
    writable: false,
    enumerable: false,
    configurable: true
  })
}

export const install = (): void => {
  for (const name of names) join(name)
}
