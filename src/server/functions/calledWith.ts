/**
 * What a function was called with, for the log of its failure: short, and without what looks like a secret.
 *
 * A secret is recognised by the name of its key or of the function's parameter, by its form (tokens), and as a secret of the
 * application itself. Functions that log users in or set their passwords show nothing.
 */
import { EJSON } from "bson"
import * as Redacted from "effect/Redacted"
import type { App, AppFunction } from "../model/App.ts"
import type { Arguments } from "./shared/messages.ts"
import * as values from "./shared/values.ts"

/** What is known of the function. */
type Called = Pick<AppFunction, "name"> & Partial<Pick<AppFunction, "body">>

const hidden = "***"

/** The limits of what is shown. */
const most = { depth: 4, entries: 10, characters: 100, total: 500, read: 64 * 1024, scanned: 1000 } as const

const secretName = /pass|pwd|secret|token|key|credential|auth|cookie|signature|session|pin$|otp|cvc|cvv/i

/** Tokens in three parts, as JWTs are, and long hexadecimal numbers. */
const secretForm = /\beyJ[\w-]{5,}\.[\w.-]*|[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}|\b[0-9a-f]{40,}\b/gi

/** The texts of an application that are secrets: those of values and of services. */
export const secretsOf = ({ services, values }: App): ReadonlyArray<string> => {
  const found = new Set<string>()
  const visit = (value: unknown, depth: number): void => {
    if (Redacted.isRedacted(value)) {
      const secret = Redacted.value(value)
      if (typeof secret === "string" && secret.length > 3) found.add(secret)
      else if (typeof secret === "object") visit(secret, depth + 1)
      return
    }
    if (typeof value !== "object" || value === null || depth > 6) return
    const parts = value instanceof Map || value instanceof Set ? [...value.values()] : Object.values(value)
    for (const part of parts) visit(part, depth + 1)
  }
  for (const part of [services, values]) visit(part, 0)
  return [...found].toSorted((a, b) => b.length - a.length)
}

/** The names of a function's parameters, as far as they are plain. */
const parametersOf = ({ body }: Called): ReadonlyArray<string> => {
  if (body?._tag !== "Source") return []
  const [, list = ""] = /\bexports\s*=\s*(?:async\s+)?(?:function\s*\*?\s*[\w$]*\s*)?\(([^)]*)\)/.exec(body.text) ?? []
  return list.split(",").map((name) => name.split("=")[0]?.trim() ?? "")
}

/** Whether the arguments of a function are passwords and tokens. */
const isOfLogins = ({ providers: { customFunction, emailPassword } }: App, { name }: Called): boolean =>
  [customFunction, emailPassword?.confirmationFunction, emailPassword?.resetFunction].some((fn) => fn?.name === name)

const parse = (args: Arguments): unknown => {
  if ("values" in args) return values.read(args.values)
  const whole: unknown = JSON.parse(args.document)
  return typeof whole === "object" && whole !== null && "arguments" in whole ? whole.arguments : []
}

/** The arguments as JSON, in one line. */
export const calledWith = (app: App, fn: Called, args: Arguments, secrets: ReadonlyArray<string>): string => {
  if (isOfLogins(app, fn)) return "arguments that are not shown: the function is part of a login"
  const text = "document" in args ? args.document : args.values
  if (text.length > most.read) return `${text.length} characters of arguments`
  const short = (text: string): string => {
    const own = secrets.reduce((rest, secret) => rest.replaceAll(secret, hidden), text)
    // a part of a token at the end would not be recognised
    const scanned = own.length > most.scanned ? own.slice(0, most.scanned).replace(/(?<=[^\w.-])[\w.-]+$/, "...") : own
    const clean = scanned.replace(secretForm, hidden)
    return clean.length > most.characters ? `${clean.slice(0, most.characters)}...` : clean
  }
  const show = (value: unknown, depth: number): unknown => {
    if (typeof value === "string") return short(value)
    if (typeof value === "bigint") return String(value)
    if (typeof value !== "object" || value === null) return value
    if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`
    if ("_bsontype" in value) {
      return value._bsontype === "Binary" ? "<binary>" : show(JSON.parse(EJSON.stringify(value)), depth)
    }
    if (value instanceof Date) return value
    if (depth > most.depth) return Array.isArray(value) ? "[...]" : "{...}"
    if (Array.isArray(value)) {
      const rest = value.length - most.entries
      const shown = value.slice(0, most.entries).map((it) => show(it, depth + 1))
      return rest > 0 ? [...shown, `... ${rest} more`] : shown
    }
    const entries = Object.entries(value)
    return Object.fromEntries(
      entries
        .slice(0, most.entries)
        .map(([name, it]) => [short(name), secretName.test(name) ? hidden : show(it, depth + 1)])
    )
  }
  try {
    const parameters = parametersOf(fn)
    const all = parse(args)
    const shown = (Array.isArray(all) ? all : [all])
      .slice(0, most.entries)
      .map((it, index) => (secretName.test(parameters[index] ?? "") ? hidden : show(it, 1)))
    const list = JSON.stringify(shown).slice(1, -1)
    return `(${list.length > most.total ? `${list.slice(0, most.total)}...` : list})`
  } catch {
    return "arguments that cannot be read"
  }
}
