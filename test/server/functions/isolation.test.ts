import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { anonymous, callFunction } from "../support.ts"
import { exported } from "./support.ts"
import { fingerprint, havoc } from "./world.ts"

/** What one call does that another one must not notice: what it is, and how. */
const changes: ReadonlyArray<readonly [what: string, source: string]> = [
  ["a property of a built-in prototype", "Array.prototype.cache = 'mine'"],
  ["a property of a built-in", "Object.cache = 'mine'"],
  ["a property whose name is a symbol", "Array.prototype[Symbol('cache')] = 'mine'"],
  ["a method of a built-in", "Array.prototype.map = () => 'mine'"],
  ["a method of a built-in that is defined", "Object.defineProperty(Array.prototype, 'map', { value: () => 'mine' })"],
  ["a getter in place of a method", "Object.defineProperty(Array.prototype, 'map', { get: () => () => 'mine' })"],
  [
    "a getter in place of a method, through a proxy",
    "Object.defineProperty(new Proxy(Array.prototype, {}), 'map', { get: () => () => 'mine' })"
  ],
  [
    "a getter that throws in place of a method",
    "Object.defineProperty(Array.prototype, 'map', { get: () => { throw new Error('mine') } })"
  ],
  ["a getter of the older kind", "Array.prototype.__defineGetter__('map', () => () => 'mine')"],
  ["a method that shows in loops", "Object.defineProperty(Array.prototype, 'map', { enumerable: true })"],
  ["a method that cannot be changed", "Object.defineProperty(Array.prototype, 'map', { writable: false })"],
  ["a method that is gone", "delete Array.prototype.map"],
  ["a getter that is gone", "delete Map.prototype.size"],
  ["a property that is gone and inherited", "delete TypeError.prototype.message"],
  ["a prototype that is frozen", "Object.freeze(Array.prototype)"],
  ["a prototype that cannot be extended", "Object.preventExtensions(Array.prototype)"],
  ["a prototype with another prototype", "Object.setPrototypeOf(Array.prototype, { cache: 'mine' })"],
  [
    "a private field by a class",
    "class A extends (class { constructor(it) { return it } }) { cache = 'mine' }; new A(Array.prototype)"
  ],
  ["a trace of an error", "Error.captureStackTrace(Array.prototype)"],
  ["the length of a trace", "Error.stackTraceLimit = 1"],
  ["a global variable", "leaked = 'mine'"],
  ["a global variable of eval", "(0, eval)('var leaked = 1')"],
  ["a global variable that does not show", "Object.defineProperty(globalThis, 'hidden', { value: 'mine' })"],
  ["a global variable whose name is a symbol", "globalThis[Symbol.for('cache')] = 'mine'"],
  ["a global function", "setTimeout = () => 'mine'"],
  ["a global class", "Buffer = 'mine'"],
  ["the property of a global function", "setTimeout.cache = 'mine'"],
  ["a property of BSON", "BSON.cache = 'mine'"],
  ["a property of a class of BSON", "BSON.ObjectId.cache = 'mine'"],
  ["a property of what a class of BSON makes", "BSON.ObjectId.prototype.cache = 'mine'"],
  ["the index of ids", "BSON.ObjectId.index = 'mine'"],
  ["a small number of BSON", "BSON.Long.fromInt(5).low = 9"],
  ["a constant of BSON", "BSON.Long.ONE.low = 9"],
  ["a BSON value that is not a number", "BSON.Decimal128.fromString('NaN').bytes[0] = 9"],
  ["EJSON", "EJSON.parse = () => 'mine'"],
  ["a property of EJSON.stringify", "EJSON.stringify.cache = 'mine'"],
  ["utils", "utils.crypto.hash = () => 'mine'"],
  ["console", "console.log = () => 'mine'; console.data = 'mine'"],
  ["a rarely used class", "Int8Array.prototype.cache = 'mine'"],
  ["Intl", "Intl.cache = 'mine'"],
  ["Symbol", "Symbol.cache = 'mine'"],
  ["an iterator", "Object.getPrototypeOf([][Symbol.iterator]()).cache = 'mine'"],
  ["a generator", "(function* () {}).constructor.prototype.cache = 'mine'"],
  ["what async functions are", "Object.getPrototypeOf(async () => {}).cache = 'mine'"],
  ["a timer", "Object.getPrototypeOf(setTimeout(() => {})).cache = 'mine'"],
  ["the variables of the process", "process.env.CACHE = 'mine'; process.cache = 'mine'"],
  ["Buffer", "Buffer.cache = 'mine'; Buffer.prototype.cache = 'mine'; Buffer.prototype.__proto__.cache = 'mine'"],
  [
    "what Buffer inherits from",
    "let it = Buffer.prototype; while (it) { try { it.cache = 'mine' } catch {} it = Object.getPrototypeOf(it) }"
  ],
  ["URL", "URL.prototype.cache = 'mine'; Object.getPrototypeOf(URL.prototype).cache = 'mine'"],
  [
    "what Node's errors are",
    "try { new URL('x') } catch (error) { let it = error; while (it = Object.getPrototypeOf(it)) try { it.cache = 'mine' } catch {} }"
  ],
  [
    "what makes functions for Node",
    "try { URL.constructor('return globalThis')().cache = 'mine' } catch {} try { Buffer.from.constructor.constructor('return globalThis')().cache = 'mine' } catch {}"
  ],
  ["a module of Node", "require('crypto').createHash = () => 'mine'; require('crypto').cache = 'mine'"],
  ["a function of a module of Node", "require('crypto').createHash.cache = 'mine'"],
  ["a class of a module of Node", "require('events').cache = 'mine'; require('events').prototype.cache = 'mine'"],
  [
    "a class that a module of Node has",
    "try { require('stream').Readable.prototype.cache = 'mine' } catch {} try { require('url').URL.prototype.cache = 'mine' } catch {}"
  ],
  [
    "defaults of a module of Node",
    "require('events').defaultMaxListeners = 1; require('util').inspect.defaultOptions = { depth: 0 }"
  ],
  ["a list of a module of Node", "require('http').METHODS.push('MINE'); require('http').STATUS_CODES[200] = 'mine'"],
  ["a promise of Node", "require('fs').promises.cache = 'mine'"],
  ["the require of functions", "require.cache.mine = 'mine'; try { require.data = 'mine' } catch {}"],
  ["the function that a source is", "arguments.callee.cache = 'mine'"],
  [
    "a change that is undone, and another",
    "const map = Array.prototype.map; Array.prototype.map = 1; Array.prototype.map = map; Array.prototype.cache = 1"
  ],
  [
    "what an answer left in the queue of microtasks",
    "Promise.resolve().then(() => 1).then(() => 2).then(() => { Array.prototype.cache = 'mine' })"
  ],
  ["what a timer does after the answer", "setTimeout(() => { Array.prototype.cache = 'mine' }, 20)"],
  ["what an interval does", "setInterval(() => { Array.prototype.cache = 'mine' }, 5)"],
  [
    "what an operation leads to after the answer",
    "context.services.get('m').db('d').collection('c').find().toArray().then(() => { Array.prototype.cache = 'mine' })"
  ],
  [
    "what Node calls back after the answer",
    "require('fs').readFile('/dev/null', () => { Array.prototype.cache = 'mine' })"
  ],
  [
    "what a promise of Node leads to after the answer",
    "require('fs').promises.readFile('/dev/null').then(() => { Array.prototype.cache = 'mine' })"
  ],
  ["what a tick does after the answer", "process.nextTick(() => { Array.prototype.cache = 'mine' })"]
]

const body = (source: string) => `exports = () => { (function () { ${source} })(); return 'done' }`
const named = (i: number) => `change${i}`

const merge = `
  const merge = (target, source) => {
    for (const key of Object.keys(source)) {
      if (typeof source[key] === "object" && typeof target[key] === "object") merge(target[key], source[key])
      else target[key] = source[key]
    }
    return target
  }`

/** A package with state at every place where a call can reach it. */
const pack = `
  const made = { list: [], map: new Map(), date: new Date(0) }
  class Settings { static current = "its own"; get() { return Settings.current } }
  module.exports = Object.assign((name) => name + "!", { made, Settings, level: 1, nested: { deep: { level: 1 } } })`

const changesOfPackage = [
  ["an export", "pack.level = 2"],
  ["an export that is added", "pack.added = 2"],
  ["an export that is removed", "delete pack.level"],
  ["an object that is exported", "pack.nested.deep.level = 2"],
  ["a list", "pack.made.list.push('mine')"],
  ["a class", "pack.Settings.current = 'mine'"],
  ["a method", "pack.Settings.prototype.get = () => 'mine'"],
  ["a module that is exchanged", "require.cache[require.resolve('pack')].exports = 'mine'"]
] as const

const lookAtPackage = `exports = () => {
  const pack = require("pack"), { made, Settings } = pack
  return [typeof pack, Object.keys(pack), pack.level, pack.nested.deep.level, made.list, new Settings().get()]
}`

const shared = {
  define: `exports = () => {
    console.logData = (it) => "logged " + it
    Object.prototype.fullFind = function () { return "found " + Object.keys(this) }
    globalThis.common = { of: "define" }
    BSON.common = "BSON"
    require("pack").level = "changed"
  }`,
  use: `exports = async () => {
    await context.functions.execute("define")
    return [console.logData(1), ({ a: 1 }).fullFind(), common.of, BSON.common, require("pack").level, await context.functions.execute("other")]
  }`,
  other: `exports = () => ({ b: 1 }).fullFind()`
}

const app = exported(
  {
    fingerprint,
    havoc,
    nothing: "exports = () => 'nothing'",
    ...Object.fromEntries(changes.map(([, source], i) => [named(i), body(source)])),
    /** Does a change, and is there for a while. */
    ...Object.fromEntries(
      changes.map(([, source], i) => [
        `${named(i)}Waits`,
        `exports = async () => { const wait = (it) => new Promise((resolve) => (setTimeout)(resolve, it)), first = wait(1), later = wait(150); await first; (function () { ${source} })(); await later; return 'done' }`
      ])
    ),
    mergeSettings: `exports = (patch) => { ${merge}; merge({ theme: {} }, JSON.parse(patch)); return 'merged' }`,
    mergeInto: `exports = (patch) => { ${merge}; merge(new URL("http://h"), JSON.parse(patch)); return 'merged' }`,
    amIAdmin: "exports = () => ({}).isAdmin ? 'ADMIN' : 'user'",
    breakThen: "exports = () => { Promise.prototype.then = () => { throw 1 }; return 'broken' }",
    breakThenAndWait: `exports = async () => {
    const wait = new Promise((resolve) => setTimeout(resolve, 150))
    Promise.prototype.then = () => { throw 1 }
    await wait
  }`,
    later: "exports = async () => { await null; return (await Promise.all([1, Promise.resolve(2)])).length }",
    loadAndSpoil: "exports = () => { require('zlib'); Array.prototype.cache = 'mine' }",
    bytes: `exports = (text) => {
      const kept = Array.from({ length: 200 }, () => Buffer.from(text)), pool = Buffer.from("x")
      const found = [pool.buffer, ...Array.from({ length: 2000 }, () => Buffer.allocUnsafe(64).buffer)]
      return [kept.length, pool.buffer.byteLength, found.some((it) => Buffer.from(it).includes("SECRET"))]
    }`,
    list: "exports = (text) => [process.argv.push(text), process.execArgv.push(text)].length && [...process.argv, ...process.execArgv].filter((it) => it.startsWith('SECRET'))",
    match:
      "exports = (text) => { const was = RegExp.lastMatch + RegExp['$_'] + RegExp.$1; /(.*)/.exec(text); return was }",
    lookAtPackage,
    ...Object.fromEntries(
      changesOfPackage.map(([, source], i) => [
        `package${i}`,
        `exports = () => { const pack = require("pack"); ${source} }`
      ])
    ),
    ...shared
  },
  { "functions/node_modules/pack/index.js": pack }
)

layer(app)("a call", (it) => {
  const text = (token: string | undefined, name: string, args: ReadonlyArray<unknown> = []) =>
    Effect.map(callFunction(token, name, args), ({ text }) => text)

  /** The fingerprint that a call has to find, whatever others did. */
  let fingerprinted: string | undefined
  const untouched = Effect.gen(function* () {
    if (fingerprinted !== undefined) return fingerprinted
    const { access_token } = yield* anonymous()
    fingerprinted = yield* text(access_token, "fingerprint")
    assert.match(fingerprinted, /^"\d{4,} [0-9a-f]{64}"$/)
    assert.strictEqual(yield* text(access_token, "fingerprint"), fingerprinted)
    return fingerprinted
  })

  it.effect.each(changes.map(([what], i) => [what, i] as const))(
    "does not notice that another one changed %s",
    ([, i]) =>
      Effect.gen(function* () {
        const { access_token: theirs } = yield* anonymous()
        const { access_token: mine } = yield* anonymous()
        const before = yield* untouched
        const answer = yield* callFunction(theirs, named(i))
        // those that break what answers with break their own answer
        assert.include([200, 400], answer.status)
        assert.strictEqual(yield* text(mine, "fingerprint"), before)
        // while the other one is still there, and when it is over
        const waits = yield* Effect.forkChild(callFunction(theirs, `${named(i)}Waits`), { startImmediately: true })
        yield* text(mine, "nothing")
        yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 40)))
        assert.strictEqual(yield* text(mine, "fingerprint"), before)
        yield* Fiber.join(waits)
        assert.strictEqual(yield* text(mine, "fingerprint"), before)
      })
  )

  it.effect("does not notice that another one changed everything", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const before = yield* untouched
      for (const stays of [0, 300]) {
        const changes = yield* Effect.forkChild(callFunction(access_token, "havoc", [stays]), {
          startImmediately: true
        })
        yield* text(access_token, "nothing")
        assert.strictEqual(yield* text(access_token, "fingerprint"), before)
        const { body, status } = yield* Fiber.join(changes)
        // what would write its answer is broken
        assert.deepStrictEqual(
          [status, body["error"]],
          [400, "the function threw a value that cannot be converted to text"]
        )
        assert.strictEqual(yield* text(access_token, "fingerprint"), before)
      }
    })
  )

  it.effect("is not made an administrator by what another user merged", () =>
    Effect.gen(function* () {
      const { access_token: theirs } = yield* anonymous()
      const { access_token: mine } = yield* anonymous()
      const patches: ReadonlyArray<object> = [
        { ["__proto__"]: { isAdmin: true } },
        { constructor: { prototype: { isAdmin: true } } },
        { theme: { ["__proto__"]: { isAdmin: true } } },
        { ["__proto__"]: { ["__proto__"]: { isAdmin: true } } },
        { searchParams: { constructor: { prototype: { ["__proto__"]: { isAdmin: true } } } } }
      ]
      for (const patch of patches) {
        for (const name of ["mergeSettings", "mergeInto"]) {
          yield* callFunction(theirs, name, [JSON.stringify(patch)])
          assert.strictEqual(yield* text(mine, "amIAdmin"), '"user"')
        }
      }
    })
  )

  it.effect("does not see the bytes of another one in the memory of its buffers", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const answer = '[{"$numberInt":"200"},{"$numberInt":"1"},false]'
      for (const given of ["SECRET of a user", "nothing", "nothing", "nothing"]) {
        assert.strictEqual(yield* text(access_token, "bytes", [given]), answer)
      }
    })
  )

  it.effect("does not see what another one added to the arguments of the process", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      assert.strictEqual(yield* text(access_token, "list", ["SECRET1"]), '["SECRET1","SECRET1"]')
      assert.strictEqual(yield* text(access_token, "list", ["SECRET2"]), '["SECRET2","SECRET2"]')
    })
  )

  it.effect("is not failed by another one that breaks promises", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      for (let i = 0; i < 3; i++) {
        yield* callFunction(access_token, "breakThen")
        assert.strictEqual(yield* text(access_token, "later"), '{"$numberInt":"2"}')
      }
      const waits = yield* Effect.forkChild(callFunction(access_token, "breakThenAndWait"), { startImmediately: true })
      for (let i = 0; i < 3; i++) assert.strictEqual(yield* text(access_token, "later"), '{"$numberInt":"2"}')
      yield* Fiber.join(waits)
      assert.strictEqual(yield* text(access_token, "later"), '{"$numberInt":"2"}')
    })
  )

  it.effect.each(changesOfPackage.map(([what], i) => [what, i] as const))(
    "does not notice that another one changed %s of a package",
    ([, i]) =>
      Effect.gen(function* () {
        const { access_token } = yield* anonymous()
        const before = yield* text(access_token, "lookAtPackage")
        assert.include(before, '"its own"')
        assert.strictEqual((yield* callFunction(access_token, `package${i}`)).status, 200)
        assert.strictEqual(yield* text(access_token, "lookAtPackage"), before)
      })
  )

  it.effect("shares one world with the functions that it executes", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const answer = '["logged 1","found a","define","BSON","changed","found b"]'
      for (let i = 0; i < 3; i++) assert.strictEqual(yield* text(access_token, "use"), answer)
      assert.strictEqual((yield* callFunction(access_token, "other")).status, 400)
    })
  )

  it.effect("does not see what another one's regular expressions matched, nor those that prepared its world", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      // each one takes a world with it, until those are used that were made before modules were loaded
      for (let i = 0; i < 40; i++) yield* callFunction(access_token, "loadAndSpoil")
      assert.strictEqual(yield* text(access_token, "match", ["secret"]), '""')
      assert.strictEqual(yield* text(access_token, "match", ["other"]), '""')
    })
  )
})
