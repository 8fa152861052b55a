/** The intrinsic objects of the current realm that are not reachable by a global name. */

/** A function of each kind; their constructors create functions from strings. */
const functions = [function () {}, function* () {}, async () => {}, async function* () {}]

/** Iterator helpers, which the type library does not declare yet. */
const helpers = (): ReadonlyArray<object> => {
  const iterator: { readonly from: (iterator: object) => object } = Reflect.get(globalThis, "Iterator")
  const wrapped = iterator.from({ next: () => ({ done: true, value: undefined }) })
  const map: () => object = Reflect.get(wrapped, "map")
  return [wrapped, Reflect.apply(map, wrapped, [() => undefined])]
}

const samples = (): ReadonlyArray<object> => [
  ...functions,
  (function* () {})(),
  (async function* () {})(),
  [][Symbol.iterator](),
  new Map()[Symbol.iterator](),
  new Set()[Symbol.iterator](),
  ""[Symbol.iterator](),
  "".matchAll(/a/g),
  ...helpers(),
  new Uint8Array()
]

/** The prototypes of functions, generators, iterators and typed arrays. */
export const hidden = (): ReadonlyArray<object> => {
  const found = new Set<object>()
  for (const sample of samples()) {
    for (let it: unknown = Object.getPrototypeOf(sample); typeof it === "object" || typeof it === "function";) {
      if (it === null) break
      found.add(it)
      it = Object.getPrototypeOf(it)
    }
  }
  return [...found]
}

/** The prototypes of functions. */
export const functionPrototypes = (): ReadonlyArray<object> => functions.map((it): object => Object.getPrototypeOf(it))
