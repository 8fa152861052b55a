/** The global `process` of a realm: Node's, with objects of the realm. */
import { describe } from "../../shared/failures.ts"
import { adopt } from "./adopt.ts"
import { host } from "./host.ts"

const node = host.global.process

const values = ["version", "arch", "platform", "argv0", "execPath", "pid", "ppid", "title", "exitCode"] as const
const copies = ["env", "versions", "release", "features", "argv", "execArgv"] as const
const functions = [
  "cwd",
  "uptime",
  "memoryUsage",
  "resourceUsage",
  "cpuUsage",
  "getuid",
  "geteuid",
  "getgid",
  "getegid",
  "getgroups",
  "kill",
  "abort",
  "exit"
] as const

const call =
  (name: string) =>
  (...args: ReadonlyArray<unknown>): unknown => {
    const run: (...args: ReadonlyArray<unknown>) => unknown = Reflect.get(node, name)
    return adopt(Reflect.apply(run, node, args))
  }

/** Refuses what would change the process for later calls. */
export const refuse = (name: string): never => {
  throw new Error(`${name} is not available to functions: it would change the process for later calls`)
}

// `adopt` would keep a list: the counterparts of the host's classes are not known yet
const copy = (value: object): unknown => (Array.isArray(value) ? Array.from(value) : { ...value })

/** A stream to the server's logger, line by line. */
const stream = (level: string) => ({
  isTTY: false,
  write: (text: unknown) => {
    host.port.log(level, String(text).replace(/\n$/, ""))
    return true
  },
  on: () => {},
  once: () => {},
  emit: () => false
})

/** Events of the process are not available to functions: listeners are ignored. */
const listening = () => ({
  ...Object.fromEntries(
    [
      "on",
      "once",
      "off",
      "addListener",
      "prependListener",
      "removeListener",
      "removeAllListeners",
      "setMaxListeners"
    ].map((name) => [name, () => object])
  ),
  emit: () => false,
  listenerCount: () => 0,
  listeners: () => [],
  eventNames: () => []
})

const nextTick = (callback: unknown, ...args: ReadonlyArray<unknown>): void => {
  if (typeof callback !== "function") throw new TypeError('The "callback" argument must be of type function')
  node.nextTick(() => {
    try {
      Reflect.apply(callback, undefined, args)
    } catch (cause) {
      host.port.thrown(describe(cause))
    }
  })
}

export const object: object = Object.assign(
  Object.create({ [Symbol.toStringTag]: "process" }),
  listening(),
  Object.fromEntries(values.map((name) => [name, node[name]])),
  // the environment is shared by the thread; a call changes its own copy
  Object.fromEntries(copies.map((name) => [name, copy(node[name])])),
  Object.fromEntries(functions.flatMap((name) => (typeof node[name] === "function" ? [[name, call(name)]] : []))),
  {
    chdir: () => refuse("process.chdir"),
    umask: (...mask: ReadonlyArray<unknown>) =>
      mask.length === 0 ? node.umask() : refuse("process.umask with a mask"),
    hrtime: Object.assign(call("hrtime"), { bigint: () => node.hrtime.bigint() }),
    nextTick,
    stdout: stream("Info"),
    stderr: stream("Error"),
    emitWarning: (warning: unknown) => host.port.log("Warn", String(warning))
  }
)
