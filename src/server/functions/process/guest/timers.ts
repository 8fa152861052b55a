/** The timers of functions. An exception ends the call, and a realm with pending timers is not reused. */
import { describe } from "../../shared/failures.ts"
import { pending } from "./activity.ts"
import { host } from "./host.ts"

type Callback = (...args: ReadonlyArray<unknown>) => unknown

const timers = host.global

/** Active timers by their numbers, by which they can be cleared too. */
const set: Map<number, Timeout> = new timers.Map()

/** Runs a callback; an uncaught exception would end the thread. */
const guarded = (callback: Callback, args: ReadonlyArray<unknown>): void => {
  try {
    Reflect.apply(callback, undefined, args)
  } catch (cause) {
    host.port.thrown(describe(cause))
  }
}

const callable = (callback: unknown): Callback => {
  if (typeof callback === "function") return (...args) => Reflect.apply(callback, undefined, args)
  throw new TypeError('The "callback" argument must be of type function')
}

/** The result of `setTimeout` and `setInterval`. */
class Timeout {
  readonly #start: () => NodeJS.Timeout
  #timer: NodeJS.Timeout
  #number = 0
  #done: () => void

  constructor(callback: unknown, delay: unknown, args: ReadonlyArray<unknown>, repeats: boolean) {
    const run = callable(callback)
    // as in Node, without its warning
    const millis = Number(delay) || 1
    const once = () => {
      const ended = this.#end()
      guarded(run, args)
      ended()
    }
    this.#start = () =>
      // @effect-diagnostics-next-line globalTimers:off -- these are Node's timers, for functions
      repeats ? timers.setInterval(() => guarded(run, args), millis) : timers.setTimeout(once, millis)
    this.#done = pending()
    this.#timer = this.#begin()
  }

  #begin(): NodeJS.Timeout {
    const timer = this.#start()
    this.#number = timer[Symbol.toPrimitive]()
    set.set(this.#number, this)
    return timer
  }

  #end(): () => void {
    set.delete(this.#number)
    return this.#done
  }

  static find(timeout: unknown): Timeout | undefined {
    return typeof timeout === "object" && timeout !== null && #timer in timeout ? timeout : set.get(Number(timeout))
  }

  close(): this {
    timers.clearTimeout(this.#timer)
    this.#end()()
    return this
  }

  refresh(): this {
    this.close()
    this.#done = pending()
    this.#timer = this.#begin()
    return this
  }

  ref(): this {
    this.#timer.ref()
    return this
  }

  unref(): this {
    this.#timer.unref()
    return this
  }

  hasRef(): boolean {
    return this.#timer.hasRef()
  }

  [Symbol.toPrimitive](): number {
    return this.#number
  }
}

/** The result of `setImmediate`. */
class Immediate {
  readonly #immediate: NodeJS.Immediate
  readonly #done = pending()

  constructor(callback: unknown, args: ReadonlyArray<unknown>) {
    const run = callable(callback)
    this.#immediate = timers.setImmediate(() => {
      guarded(run, args)
      this.#done()
    })
  }

  static clear(immediate: unknown): void {
    if (typeof immediate !== "object" || immediate === null || !(#immediate in immediate)) return
    timers.clearImmediate(immediate.#immediate)
    immediate.#done()
  }

  ref(): this {
    this.#immediate.ref()
    return this
  }

  unref(): this {
    this.#immediate.unref()
    return this
  }

  hasRef(): boolean {
    return this.#immediate.hasRef()
  }
}

const clear = (timeout: unknown): void => {
  if (timeout !== undefined && timeout !== null) Timeout.find(timeout)?.close()
}

/** The symbol of `util.promisify` for functions whose callback is the first argument. */
const promisified = Symbol.for("nodejs.util.promisify.custom")

/** The global functions of timers. */
export const functions = {
  setTimeout: (callback: unknown, delay?: unknown, ...args: ReadonlyArray<unknown>) =>
    new Timeout(callback, delay, args, false),
  setInterval: (callback: unknown, delay?: unknown, ...args: ReadonlyArray<unknown>) =>
    new Timeout(callback, delay, args, true),
  setImmediate: (callback: unknown, ...args: ReadonlyArray<unknown>) => new Immediate(callback, args),
  clearTimeout: (timeout: unknown) => clear(timeout),
  clearInterval: (timeout: unknown) => clear(timeout),
  clearImmediate: (immediate: unknown) => Immediate.clear(immediate),
  queueMicrotask: (callback: unknown) => {
    const run = callable(callback)
    timers.queueMicrotask(() => guarded(run, []))
  }
}

/** The functions of `timers/promises`. */
export const promises = {
  setTimeout: (delay?: unknown, value?: unknown) =>
    new Promise((resolve) => functions.setTimeout(() => resolve(value), delay)),
  setImmediate: (value?: unknown) => new Promise((resolve) => functions.setImmediate(() => resolve(value)))
}

for (const name of ["setTimeout", "setImmediate"] as const) {
  Object.defineProperty(functions[name], promisified, { value: promises[name] })
}

/** The classes of timers, which are not reachable by a global name. */
export const classes: ReadonlyArray<object> = [Timeout, Timeout.prototype, Immediate, Immediate.prototype]
