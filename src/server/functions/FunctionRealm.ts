/**
 * Where the JavaScript of an exported application runs: a `node:vm` context, with the globals such functions expect, in a
 * process of the application's own. A new global is added to `globals` here; a new member of `context` in
 * `SourceContext.ts`.
 *
 * Sources are classic sloppy-mode scripts, each in a scope of its own; what they assign without declaring lands on a global
 * object, which a call shares with the functions that it executes and with no other call. A context keeps applications
 * apart from each other and from the globals of the server's own code. Neither it nor the process is a sandbox: the
 * functions may do what a program of the server's user may do.
 *
 * @since 0.1.0
 */
import * as B from "bson"
import { createRequire, isBuiltin } from "node:module"
import { join } from "node:path"
import { isDate } from "node:util/types"
import * as vm from "node:vm"
import * as ejson from "../../protocol/internal/ejson.ts"
import * as FunctionBson from "./FunctionBson.ts"
import * as FunctionCrypto from "./FunctionCrypto.ts"
import * as FunctionJwt from "./FunctionJwt.ts"

/**
 * Where a source does not parse.
 *
 * @category models
 * @since 0.1.0
 */
export interface SyntaxProblem {
  readonly message: string
  readonly line: number | undefined
}

/** What every source is a function of. */
const parameters = ["exports", "module", "require", "context", "console"]
/** Reads back what the source made of its `exports`, which it usually replaces. */
const epilogue = "\n;return { exports, module }"

type Module = { readonly exports: unknown; readonly module: { readonly exports: unknown } }
type Compiled = ReturnType<typeof vm.compileFunction>

/**
 * Looks for a syntax error, without running anything.
 *
 * @category syntax
 * @since 0.1.0
 */
export const check = (source: string, file: string): SyntaxProblem | undefined => {
  try {
    vm.compileFunction(source, parameters, { filename: file })
    return undefined
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? "") : ""
    const line = /:(\d+)$/m.exec(stack.slice(0, stack.indexOf("\n")))?.[1]
    const isModule = /import statement outside a module|import\.meta|^SyntaxError: Unexpected token 'export'/.test(
      String(error)
    )
    const hint = isModule ? "; sources are no ES modules: write const x = require(...), and exports = ..." : ""
    return { message: `${String(error)}${hint}`, line: line === undefined ? undefined : Number(line) }
  }
}

/**
 * What a source sees of the call it serves.
 *
 * @category models
 * @since 0.1.0
 */
export interface Call {
  readonly context: unknown
  readonly console: unknown
}

/**
 * A context that calls of one application's functions have, one after the other.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionRealm {
  /** Runs a source and the function it exports; answers with what that returns, a promise included. Throws what it throws. */
  readonly invoke: (
    source: { readonly text: string; readonly file: string },
    args: ReadonlyArray<unknown>,
    call: Call
  ) => unknown
  /** Copies plain objects, arrays and dates so that they are instances of the realm's own classes. */
  readonly copyIn: (value: unknown) => unknown
  /** A promise of the realm. */
  readonly promise: <A = unknown>(settle: Settle<A>) => PromiseLike<A>
  readonly error: (message: string) => Error
  /**
   * Removes the global variables that a call left, and puts back those it changed, so that the next one does not find
   * them. Whether that worked: one that cannot be removed stays.
   */
  readonly clean: () => boolean
}

/** What makes a promise. */
type Settle<A> = (resolve: (value: A) => void, reject: (error: unknown) => void) => void

/** Runs in the realm: helpers that must use its own classes. */
const bootstrap = `"use strict";
({
  Error,
  promise: (settle) => new Promise(settle),
  copier: (isDate, foreign) => {
    const copy = (value) => {
      if (typeof value !== "object" || value === null) return value
      const shared = foreign(value)
      if (shared !== undefined) return shared
      if (isDate(value)) return new Date(value.getTime())
      if (Array.isArray(value)) {
        const array = []
        for (let i = 0; i < value.length; i++) array[i] = copy(value[i])
        return array
      }
      const object = {}
      for (const key of Object.keys(value)) {
        if (key === "__proto__") Object.defineProperty(object, key, { value: copy(value[key]), enumerable: true, configurable: true, writable: true })
        else object[key] = copy(value[key])
      }
      return object
    }
    return copy
  }
})`

interface Helpers {
  readonly Error: new (message: string) => Error
  readonly promise: <A>(settle: Settle<A>) => PromiseLike<A>
  readonly copier: (
    isDate: (u: unknown) => boolean,
    foreign: (u: object) => object | undefined
  ) => (value: unknown) => unknown
}

/**
 * Makes a context for an application whose functions live in `root`. What a timer throws is told to `onThrow`: it
 * would end the process.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (root: string | undefined, onThrow: (cause: unknown) => void): FunctionRealm => {
  const contextified = vm.createContext(vm.constants.DONT_CONTEXTIFY)
  const helpers: Helpers = vm.runInContext(bootstrap, contextified)
  const copyIn = helpers.copier(isDate, FunctionBson.foreign)
  const error = (message: string) => new helpers.Error(message)
  const compiled = new Map<string, Compiled>()
  const define = (name: string, value: unknown): boolean =>
    Reflect.defineProperty(contextified, name, { value, writable: true, configurable: true, enumerable: false })

  const guarded =
    <A extends ReadonlyArray<unknown>, B>(
      schedule: (callback: (...args: ReadonlyArray<unknown>) => void, ...args: A) => B
    ) =>
    (callback: (...args: ReadonlyArray<unknown>) => void, ...args: A): B =>
      schedule(
        (...args) => {
          try {
            callback(...args)
          } catch (cause) {
            onThrow(cause)
          }
        },
        ...args
      )

  const parse = (text: string) => {
    try {
      return copyIn(ejson.parse(text))
    } catch (cause) {
      throw error(ejson.describe(cause))
    }
  }

  const globals = {
    BSON: FunctionBson.classes,
    EJSON: { parse, stringify: B.EJSON.stringify },
    Buffer,
    setTimeout: guarded(setTimeout),
    setInterval: guarded(setInterval),
    setImmediate: guarded(setImmediate),
    queueMicrotask: guarded(queueMicrotask),
    clearTimeout,
    clearInterval,
    clearImmediate,
    atob,
    btoa,
    URL,
    URLSearchParams,
    TextEncoder,
    TextDecoder,
    utils: unsupported("utils", error, {
      crypto: unsupported("utils.crypto", error, FunctionCrypto.make({ error })),
      // @effect-diagnostics-next-line globalDate:off -- functions live in real time, as their own Date does
      jwt: unsupported("utils.jwt", error, FunctionJwt.make({ error, parse, now: () => Date.now() }))
    })
  }
  const given = Object.entries(globals)
  for (const [name, value] of given) define(name, value)
  const own = new Set(Object.keys(contextified))

  const requireFrom = root === undefined ? undefined : createRequire(join(root, "functions", "index.js"))
  const load = (name: string): unknown => {
    try {
      if (requireFrom !== undefined) return requireFrom(name)
      if (isBuiltin(name)) return createRequire(import.meta.url)(name)
    } catch (cause) {
      // a package that fails while it loads, for the lack of another one even, has more to say than that it is missing
      if (!isMissing(cause, name)) throw cause
    }
    throw error(`Cannot find module '${name}': install it in the application's functions/node_modules`)
  }

  const compile = (text: string, file: string): Compiled => {
    const key = `${file}\n${text}`
    let found = compiled.get(key)
    if (found === undefined) {
      found = vm.compileFunction(text + epilogue, parameters, {
        filename: file,
        parsingContext: contextified
      })
      compiled.set(key, found)
    }
    return found
  }

  const exported = (run: Compiled, call: Call): unknown => {
    const empty = {}
    const args = [empty, { exports: empty }, load, call.context, call.console]
    const result: Module = Reflect.apply(run, undefined, args)
    // sources that serve tests too may set `module.exports` besides; what they assign to `exports` is the function
    return result.exports !== empty ? result.exports : result.module.exports
  }

  return {
    copyIn,
    error,
    promise: helpers.promise,
    clean: () =>
      Object.keys(contextified).every((name) => own.has(name) || Reflect.deleteProperty(contextified, name)) &&
      given.every(([name, value]) => Reflect.get(contextified, name) === value || define(name, value)),
    invoke: (source, args, call) => {
      const target = exported(compile(source.text, source.file), call)
      if (typeof target !== "function") throw error("exports is not a function")
      const returned: unknown = Reflect.apply(target, undefined, args)
      return returned
    }
  }
}

const isMissing = (cause: unknown, name: string): boolean =>
  cause instanceof Error &&
  "code" in cause &&
  cause.code === "MODULE_NOT_FOUND" &&
  cause.message.startsWith(`Cannot find module '${name}'`)

/**
 * An object each use of which fails and says so.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unsupported = (name: string, error: (message: string) => Error, known: object = {}): object =>
  new Proxy(known, {
    get: (target, key) => {
      if (typeof key === "symbol" || key === "then" || key === "toJSON" || Object.hasOwn(target, key)) {
        return Reflect.get(target, key)
      }
      const uses = Object.keys(target)
      throw error(
        `${name}.${key} is not supported by this server${uses.length === 0 ? "" : `; supported: ${uses.join(", ")}`}`
      )
    }
  })
