/** The global `console` of a realm: Node's, which writes to the server's logger. */
import { Console } from "node:console"
import { withOwnFrames } from "../../shared/failures.ts"
import type { Level } from "../../shared/messages.ts"
import { host } from "./host.ts"

/** The log level of each method. */
const levels: Readonly<Record<string, Level>> = {
  log: "Info",
  info: "Info",
  dir: "Info",
  dirxml: "Info",
  table: "Info",
  count: "Info",
  countReset: "Info",
  time: "Info",
  timeLog: "Info",
  timeEnd: "Info",
  group: "Info",
  groupCollapsed: "Info",
  groupEnd: "Info",
  debug: "Debug",
  warn: "Warn",
  error: "Error",
  assert: "Error",
  trace: "Error"
}

/** The console of the current call, with its counters, timers and groups. */
let node: Console | undefined
let level: Level = "Info"

/** Discards counters, timers and groups of the last call. */
export const beginCall = (): void => {
  node = undefined
}

const make = (): Console => {
  const stream = {
    write: (text: string) =>
      host.port.log(level, withOwnFrames(text.endsWith("\n") ? text.slice(0, -1) : text, host.root))
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- with errors that are not ignored, it writes and does nothing else
  return new Console({ stdout: stream as unknown as NodeJS.WritableStream, ignoreErrors: false, colorMode: false })
}

const method = (name: string) => {
  return (...args: ReadonlyArray<unknown>): void => {
    node ??= make()
    level = levels[name] ?? "Info"
    const write: (...args: ReadonlyArray<unknown>) => void = Reflect.get(node, name)
    Reflect.apply(write, node, args)
  }
}

export const object: Record<string, unknown> = Object.fromEntries(
  Object.keys(levels).map((name) => [name, method(name)])
)
