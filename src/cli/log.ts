/**
 * The log of `serve`, on standard error: a line per request, and what the server and the functions say. For people with
 * colours on a terminal, or as JSON for machines.
 */
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Formatter from "effect/Formatter"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import { styleText } from "node:util"
import { isReading } from "../server/api/AdminAccess.ts"
import type * as RequestLog from "../server/api/RequestLog.ts"
import { printable } from "./terminal.ts"

type Style = Parameters<typeof styleText>[0]

/** Colours a text if standard error is a terminal, and `NO_COLOR` is not set. */
const styled = (style: Style, text: string): string => styleText(style, text, { stream: process.stderr })

const clientApi = "/api/client/v2.0"

/** The local time of day. */
const timeOf = (date: Date): string => {
  const two = (part: number) => String(part).padStart(2, "0")
  const millis = String(date.getMilliseconds()).padStart(3, "0")
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`
}

/** Facts about a line, without those that are unknown. */
const factsOf = (facts: Readonly<Record<string, string | undefined>>): ReadonlyArray<string> =>
  Object.entries(facts).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${printable(value)}`]))

const statusStyles = { Info: "green", Warn: "yellow", Error: "red" } as const

const levelOf = (status: number | undefined): keyof typeof statusStyles =>
  status === undefined || status < 400 ? "Info" : status < 500 ? "Warn" : "Error"

/** A request as a line for people. */
export const requestLine = (entry: RequestLog.Entry): string => {
  const { address, app, call, code, logId, method, millis, path, status, userId } = entry
  const style = status === undefined ? "dim" : statusStyles[levelOf(status)]
  const facts = factsOf({ code, app, user: userId, from: address, co_id: logId })
  return [
    styled("dim", timeOf(DateTime.toDateUtc(DateTime.makeUnsafe(entry.at)))),
    styled(style, String(status ?? "---")),
    `${millis} ms`.padStart(8),
    method,
    printable(app === undefined ? path : path.replace(`${clientApi}/app/${app}/`, ".../")),
    ...(call === undefined ? [] : [styled("bold", printable(call))]),
    ...(facts.length === 0 ? [] : [styled("dim", facts.join(" "))])
  ].join(" ")
}

/** A request as a line of JSON. */
export const requestJson = ({ at, ...entry }: RequestLog.Entry): string =>
  JSON.stringify({
    timestamp: DateTime.formatIso(DateTime.makeUnsafe(at)),
    level: levelOf(entry.status).toUpperCase(),
    event: "request",
    ...entry
  })

/** Prints requests, unless `--log-level` leaves them out. */
export const requests =
  (format: (entry: RequestLog.Entry) => string): RequestLog.OnRequest =>
  (entry) =>
    isReading(entry)
      ? Effect.void
      : Effect.flatMap(References.MinimumLogLevel, (minimum) =>
          LogLevel.isLessThan(levelOf(entry.status), minimum) ? Effect.void : Console.error(format(entry))
        )

const levelStyles: Partial<Record<LogLevel.LogLevel, Style>> = {
  Fatal: "red",
  Error: "red",
  Warn: "yellow",
  Info: "cyan"
}

const textOf = (part: unknown): string =>
  typeof part === "string" ? part : part instanceof Error ? part.message : JSON.stringify(part)

/** Control characters, except for line ends and tabs: functions may print what a client sent. */
const control = /[^\P{Cc}\n\t]/gu

/** A line for people: what is about a request has the facts and the `co_id` of its line. */
const lineOf = ({ cause, date, fiber, logLevel, message }: Logger.Options<unknown>): string => {
  const { app, function: fn, logId, user, ...others } = fiber.getRef(References.CurrentLogAnnotations)
  const known = { function: fn, ...others, app, user, co_id: logId }
  const facts = factsOf(
    Object.fromEntries(
      Object.entries(known).map(([name, value]) => [name, value === undefined ? undefined : textOf(value)])
    )
  )
  const text = [message].flat().map(textOf).join(" ")
  const why = cause.reasons.length === 0 ? "" : `\n${Cause.pretty(cause)}`
  const [first = "", ...rest] = `${text}${why}`.replace(control, "?").split("\n")
  return [
    [
      styled("dim", timeOf(date)),
      styled(levelStyles[logLevel] ?? "dim", logLevel.toUpperCase().padEnd(5)),
      first,
      ...(facts.length === 0 ? [] : [styled("dim", facts.join(" "))])
    ].join(" "),
    ...rest.map((line) => `    ${line}`)
  ].join("\n")
}

/** The log for people. */
export const layer = Logger.layer([Logger.withConsoleError(Logger.make(lineOf))])

/** A line for machines: its facts have the names that they have in requests. */
const jsonOf = Logger.map(Logger.formatStructured, ({ annotations, cause, level, message, timestamp }) => {
  const { user: userId, ...facts } = annotations
  const text = [message].flat().map(textOf).join(" ")
  return Formatter.formatJson({ ...facts, timestamp, level, event: "message", message: text, cause, userId })
})

/** The log for machines. */
export const layerJson = Logger.layer([Logger.withConsoleError(jsonOf)])
