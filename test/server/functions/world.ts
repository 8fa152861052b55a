/** Sources of functions that look at all of the JavaScript world they run in, or change all of it. */

/** What functions reach beside the global object: what has no name there, and what Node has. */
const roots = `[
  globalThis, function* () {}, async () => {}, async function* () {}, (function* () {})(), (async function* () {})(),
  [][Symbol.iterator](), new Map()[Symbol.iterator](), new Set()[Symbol.iterator](), ""[Symbol.iterator](), "".matchAll(/a/g),
  [].values().map((it) => it), new Uint8Array(), Symbol, Intl, Proxy, Int8Array, DataView, WeakRef, process, require,
  Buffer, URL, URLSearchParams, TextEncoder, AbortController, structuredClone, fetch, performance,
  setTimeout(() => {}), BSON.ObjectId(), BSON.Long.fromInt(5), BSON.Decimal128.fromString("NaN"), new URL("http://h"),
  ...["crypto", "events", "stream", "util", "url", "assert", "path", "http", "fs", "zlib"].map((it) => require(it)),
  ...[() => new URL("x"), () => Buffer.alloc(-1), () => BSON.ObjectId("x"), () => require("crypto").createHash("x"), () => null.x]
    .map((it) => { try { it() } catch (error) { return error } })
]`

/** A function that answers with a text that differs if anything does that other functions could notice. */
export const fingerprint = `exports = () => {
  const found = new Map(), queue = [], lines = []
  const known = (value) => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null) return typeof value + " " + String(value)
    if (!found.has(value)) { found.set(value, found.size); queue.push(value) }
    return "#" + found.get(value)
  }
  // what differs from process to process, or counts
  const own = new Set(["stack", "pid", "ppid", "timeOrigin"])
  for (const root of ${roots}) known(root)
  for (const object of queue) {
    const keys = Reflect.ownKeys(object).filter((key) => !own.has(key) && (typeof key === "string" || String(key) !== "Symbol(kCapture)"))
    const isInstance = typeof object === "object" && !Object.hasOwn(object, "constructor") && ![Object.prototype, Array.prototype, null].includes(Object.getPrototypeOf(object))
    const properties = isInstance ? [] : keys.map((key) => {
      const { value, get, set, ...flags } = Object.getOwnPropertyDescriptor(object, key)
      return [String(key), known(value), known(get), known(set), JSON.stringify(flags)].join(" ")
    })
    lines.push([found.get(object), known(Object.getPrototypeOf(object)), Object.isExtensible(object), ...properties].join(", "))
  }
  return [lines.length, utils.crypto.hash("sha256", lines.join("\\n")).toHex()].join(" ")
}`

/** A function that does its worst to everything that it reaches, and stays for so many milliseconds. */
export const havoc = `exports = async (stays) => {
  const later = new Promise((resolve) => setTimeout(resolve, stays))
  const found = new Set(), all = []
  const add = (value) => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || found.has(value)) return
    found.add(value)
    all.push(value)
  }
  for (const root of ${roots}) add(root)
  for (const object of all) {
    for (const key of Reflect.ownKeys(object)) {
      const found = Object.getOwnPropertyDescriptor(object, key)
      add(found.value); add(found.get); add(found.set)
    }
    add(Object.getPrototypeOf(object))
  }
  // saved from what happens to them
  const { defineProperty, deleteProperty, ownKeys, preventExtensions, set, setPrototypeOf } = Reflect
  const { iterator } = Symbol
  const list = all.map((object) => [object, ownKeys(object)])
  if (list.length < 3000) throw new Error("there is more")
  for (let i = 0; i < list.length; i++) {
    const object = list[i][0], keys = list[i][1]
    for (let k = 0; k < keys.length; k++) {
      const key = keys[k]
      if (object === globalThis && key === "globalThis") continue
      try { set(object, key, "changed") } catch {}
      try { defineProperty(object, key, { value: "changed", enumerable: k % 2 === 0 }) } catch {}
      try { if (k % 3 === 0) deleteProperty(object, key) } catch {}
    }
    try { set(object, "added", 1) } catch {}
    try { defineProperty(object, "hidden", { value: 1 }) } catch {}
    try { defineProperty(object, iterator, { value: 1 }) } catch {}
    try { if (i % 2 === 0) setPrototypeOf(object, null) } catch {}
    try { if (i % 3 === 0) preventExtensions(object) } catch {}
  }
  await later
}`
