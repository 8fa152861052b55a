/**
 * The operands of rule expressions: literals, properties of the caller and the document, and results of the
 * application's functions. Throws `NotUnderstood` for everything unsupported, because a guess could open what should be
 * closed.
 */
import { Binary, ObjectId, UUID } from "bson"
import type * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Ejson from "../../../protocol/Ejson.ts"
import type { FunctionRequest, FunctionUser } from "../Caller.ts"
import type { DatabaseError } from "../Database.ts"
import { canonical, keyOf as keyOfValue, typeOf } from "../../language/Value.ts"
import * as Bson from "../internal/bson.ts"
import type { Document } from "../internal/bson.ts"

/** The caller, its application and its request. */
export interface Given {
  readonly user: FunctionUser
  readonly request: FunctionRequest | undefined
  readonly values: ReadonlyMap<string, unknown>
  readonly environment: { readonly tag: string; readonly values: ReadonlyMap<string, unknown> }
  /** The arguments of a function, or the argument of a service's action, in a rule about who may call it. */
  readonly args?: unknown
  /** Calls a function of the application as the system. */
  readonly call: (name: string, args: ReadonlyArray<unknown>) => Effect.Effect<unknown, DatabaseError>
}

/** The context, and the results of functions called so far. */
export interface Known extends Given {
  readonly answers: Map<string, unknown>
}

/** The unsupported part of a rule, and its position. */
export class NotUnderstood extends Schema.TaggedError<NotUnderstood>("effect-app-services/server/data/NotUnderstood")(
  "NotUnderstood",
  { message: Schema.String, place: Schema.String }
) {}

export const refuse = (place: string, message: string): never => {
  throw new NotUnderstood({ place, message })
}

/** The unsupported part of a role, and what the role does without it. */
export interface Closed {
  readonly problem: NotUnderstood
  readonly consequence: string
}

/** A function call of a rule. */
export interface Call {
  readonly name: string
  readonly args: (known: Known, subject: Document) => ReadonlyArray<unknown>
  /** Whether an argument depends on the document, or on the document before a change. */
  readonly ofDocument: boolean
  readonly ofChange: boolean
}

/** A value that is computed from the document: a filter finds it at `path` of the document that {@link subject} makes. */
export interface Computed {
  readonly key: string
  readonly get: (known: Known, subject: Document) => unknown
}

/** The scope of an expression, and what has to be known to evaluate it. */
export interface Scope {
  readonly calls: Array<Call>
  readonly computed: Array<Computed>
  /** The parts of roles that are closed because they are not understood. */
  readonly closed: Array<Closed>
  /** Whether anything uses the document before a change. */
  readonly marks: { change: boolean }
  /** The subject of expressions: documents, elements of an array, the arguments of a function, or the caller only. */
  readonly about: "document" | "element" | "arguments" | "action" | "request"
  /** The field of the permission; absent for all other fields. */
  readonly field?: string | undefined
  /** Whether the expression is the permission of a field. */
  readonly isField?: boolean
}

/** Any error of a compilation. */
export const notUnderstood = (cause: unknown): NotUnderstood =>
  cause instanceof NotUnderstood
    ? cause
    : new NotUnderstood({ place: "", message: cause instanceof Error ? cause.message : String(cause) })

/** Reads a part of a role. One that is not understood is closed. */
export const orClosed = <A>(
  { calls, closed, computed }: Scope,
  read: () => A,
  otherwise: (problem: NotUnderstood) => readonly [part: A, consequence: string]
): A => {
  const before = [calls.length, computed.length] as const
  const found = Result.try({ try: read, catch: notUnderstood })
  if (Result.isSuccess(found)) return found.success
  // what it has collected so far is not evaluated
  ;[calls.length, computed.length] = before
  const [part, consequence] = otherwise(found.failure)
  closed.push({ problem: found.failure, consequence })
  return part
}

/** The document before a change and computed values, next to the fields of the document. */
export const before = "%%prevRoot"
const computedAlways = "%%computed"
const computedOfChange = "%%changed"

/** A document with additional fields for expressions. */
export const subject = (
  document: Document,
  old: Document | undefined,
  computed: ReadonlyArray<Computed>,
  known: Known
): Document => {
  const seen: Document = { ...document, [before]: old, [computedAlways]: {}, [computedOfChange]: {} }
  if (old === undefined) delete seen[before]
  for (const { get, key } of computed) {
    const value = get(known, seen)
    if (value === undefined) continue
    const [place = "", name = ""] = key.split(".")
    const at = seen[place]
    if (Bson.isDocument(at)) at[name] = canonical(value)
  }
  return seen
}

/** The document of a subject. */
const original = (seen: Document): Document => {
  const { [before]: _0, [computedAlways]: _1, [computedOfChange]: _2, ...document } = seen
  return document
}

/** Whether a path belongs to the additional fields. */
export const isComputed = (path: string): boolean => path.startsWith("%%")

/** Whether a path depends on the document before a change. */
export const isOfChange = (path: string): boolean => {
  const [first] = path.split(".")
  return first === before || first === computedOfChange
}

/** A value of a comparison; the path of a field is empty for the document as a whole. */
export type Operand =
  | { readonly _tag: "Literal"; readonly value: unknown }
  | { readonly _tag: "Known"; readonly get: (known: Known) => unknown; readonly isWhole: boolean }
  | { readonly _tag: "Field"; readonly path: string }

const scalars = new Set(["string", "bool", "int", "long", "double", "decimal", "objectId", "date", "binData"])

/** A comparable value in canonical form; `undefined` for any other. */
const scalarOf = (value: unknown): unknown => {
  if (typeof value === "object" && (value === null || Array.isArray(value) || Bson.isDocument(value))) return undefined
  const scalar = canonical(value)
  return scalars.has(typeOf(scalar)) ? scalar : undefined
}

/** Comparable values: not patterns, which would match more than themselves, nor documents. */
export const comparable = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(scalarOf).filter((it) => it !== undefined) : scalarOf(value)

const walk = (value: unknown, path: ReadonlyArray<string>): unknown => {
  const [name, ...rest] = path
  if (name === undefined) return value
  if (Array.isArray(value)) {
    if (/^\d+$/.test(name)) return walk(value[Number(name)], rest)
    const all: ReadonlyArray<unknown> = value
    return all.flatMap((item) => {
      const found = walk(item, path)
      return found === undefined ? [] : found
    })
  }
  return Bson.isDocument(value) && Object.hasOwn(value, name) ? walk(value[name], rest) : undefined
}

/** The value of an operand. */
export const valueOf = (operand: Operand, known: Known, seen: Document): unknown => {
  switch (operand._tag) {
    case "Literal":
      return operand.value
    case "Known":
      return operand.get(known)
    case "Field":
      return operand.path === "" ? original(seen) : walk(seen, operand.path.split("."))
  }
}

const requestKeys = [
  "httpMethod",
  "httpReferrer",
  "httpUserAgent",
  "rawQueryString",
  "remoteIPAddress",
  "service",
  "action",
  "webhookUrl"
] as const

const userOf = ({ user }: Known) => ({
  id: user.id,
  type: user.type,
  data: user.data,
  custom_data: user.customData,
  identities: user.identities.map(({ id, providerType }) => ({ id, providerType, provider_type: providerType }))
})

/** An expansion about the caller; `undefined` if it is unknown. */
const expand = (expansion: string): Operand | undefined => {
  const [root, name, ...path] = expansion.split(".")
  const isWhole = path.length === 0
  switch (root) {
    case "%%user":
      if (name === undefined) return { _tag: "Known", get: userOf, isWhole: true }
      if (name === "id" || name === "type")
        return isWhole ? { _tag: "Known", get: ({ user }) => user[name], isWhole: false } : undefined
      return name === "data" || name === "custom_data" || name === "identities"
        ? { _tag: "Known", get: (known) => walk(userOf(known)[name], path), isWhole }
        : undefined
    case "%%request": {
      if (name === "requestHeaders" && !isWhole) {
        const header = path.join(".").toLowerCase()
        return { _tag: "Known", get: ({ request }) => headerOf(request, header), isWhole: false }
      }
      const key = requestKeys.find((it) => it === name)
      return key === undefined || !isWhole
        ? undefined
        : { _tag: "Known", get: ({ request }) => request?.[key], isWhole: false }
    }
    case "%%values":
      return name === undefined || name === ""
        ? undefined
        : { _tag: "Known", get: ({ values }) => walk(plain(values.get(name)), path), isWhole: false }
    case "%%environment":
      if (name === "tag" && isWhole) return { _tag: "Known", get: (known) => known.environment.tag, isWhole: false }
      return name === "values" && path[0] !== undefined
        ? {
            _tag: "Known",
            get: (known) => walk(known.environment.values.get(path[0] ?? ""), path.slice(1)),
            isWhole: false
          }
        : undefined
    default:
      return undefined
  }
}

/** The value of a header, or a list of several. */
const headerOf = (request: FunctionRequest | undefined, name: string): unknown => {
  const values = request?.requestHeaders?.[name]
  return values === undefined ? request?.header?.(name) : values.length === 1 ? values[0] : values
}

const plain = (value: unknown): unknown => (Redacted.isRedacted(value) ? Redacted.value(value) : value)

/** Names that no field has here: what JavaScript finds in every object, the mark of `bson`, and what BSON cannot say. */
const isImpossible = (name: string): boolean => name in Object.prototype || name === "_bsontype" || name.includes("\0")

const pathAt = (parts: ReadonlyArray<string>, name: string, place: string): string =>
  parts.some((part) => part === "" || part.startsWith("$") || part.startsWith("%") || isImpossible(part))
    ? refuse(place, `the field name "${name}"`)
    : parts.join(".")

const prefixed = (prefix: string, path: string): string => (path === "" ? prefix : `${prefix}.${path}`)

/** An expansion, as a key or as a value. */
export const expansion = (name: string, place: string, scope: Scope): Operand => {
  const unknown = () => refuse(place, `the expansion "${name}"`)
  const known = expand(name)
  if (known !== undefined) return known
  const [root, ...parts] = name.split(".")
  if (root === "%%args" && (scope.about === "arguments" || scope.about === "action")) {
    // arguments of functions have positions instead of names
    if (scope.about === "arguments" && parts[0] !== undefined && !/^\d+$/.test(parts[0])) return unknown()
    return { _tag: "Known", get: ({ args }) => walk(args, parts), isWhole: parts.length === 0 }
  }
  if (scope.about !== "document") return unknown()
  const path = pathAt(parts, name, place)
  if (root === "%%prevRoot" || root === "%%prev") scope.marks.change = true
  switch (root) {
    case "%%root":
      return { _tag: "Field", path }
    case "%%prevRoot":
      return { _tag: "Field", path: prefixed(before, path) }
    case "%%this":
    case "%%prev": {
      // in a permission of the whole document it is the document itself
      if (scope.isField === true && scope.field === undefined) return unknown()
      const here = scope.field === undefined ? path : prefixed(scope.field, path)
      return { _tag: "Field", path: root === "%%this" ? here : prefixed(before, here) }
    }
    default:
      return unknown()
  }
}

/** The field named by a key without prefix. */
export const field = (name: string, place: string, scope: Scope): Operand =>
  scope.about === "document" || scope.about === "element"
    ? { _tag: "Field", path: pathAt(name.split("."), name, place) }
    : refuse(place, `the field "${name}", as there is no document`)

const isFieldOfChange = (it: Operand): boolean => it._tag === "Field" && isOfChange(it.path)

/** Adds a value that is computed for each document. */
export const compute = (
  scope: Scope,
  of: ReadonlyArray<Operand>,
  get: (known: Known, subject: Document) => unknown
): Operand => {
  const key = `${of.some(isFieldOfChange) ? computedOfChange : computedAlways}.c${scope.computed.length}`
  scope.computed.push({ key, get })
  return { _tag: "Field", path: key }
}

export const typed = new Set([
  "$oid",
  "$date",
  "$numberInt",
  "$numberLong",
  "$numberDouble",
  "$numberDecimal",
  "$uuid",
  "$binary"
])

const conversions: Readonly<Record<string, (value: unknown) => unknown>> = {
  "%stringToOid": (value) =>
    typeof value === "string" && /^[0-9a-f]{24}$/i.test(value) ? new ObjectId(value) : undefined,
  "%oidToString": (value) => (value instanceof ObjectId ? value.toHexString() : undefined),
  "%stringToUuid": (value) => (typeof value === "string" && UUID.isValid(value) ? new UUID(value) : undefined),
  "%uuidToString": (value) =>
    value instanceof Binary && value.sub_type === Binary.SUBTYPE_UUID && value.position === 16
      ? value.toUUID().toHexString()
      : undefined
}

const missing = Symbol("missing")

/** A part of an array or a document; names in it are not operators. */
const part = (value: unknown, place: string, scope: Scope): ((known: Known) => unknown) => {
  if (Array.isArray(value)) {
    const items = value.map((item: unknown, i) => part(item, `${place}[${i}]`, scope))
    return (known) => items.map((it) => it(known))
  }
  if (Bson.isDocument(value) && !(Object.keys(value).length === 1 && typed.has(Object.keys(value)[0] ?? ""))) {
    const fields = Object.entries(value).map(([name, inner]) =>
      isImpossible(name)
        ? refuse(`${place}.${name}`, `the field name "${name}"`)
        : ([name, part(inner, `${place}.${name}`, scope)] as const)
    )
    return (known) => Object.fromEntries(fields.map(([name, read]) => [name, read(known)]))
  }
  const read = operand(value, place, scope)
  if (read._tag === "Literal") return () => read.value
  if (read._tag === "Field") return refuse(place, "a field of the document in a value")
  return (known) => canonical(read.get(known)) ?? missing
}

const hasMissing = (value: unknown): boolean =>
  value === missing ||
  (Array.isArray(value) ? value.some(hasMissing) : Bson.isDocument(value) && Object.values(value).some(hasMissing))

/** An array or a document to compare with; `undefined` if a value that it names is missing. */
export const whole = (
  value: ReadonlyArray<unknown> | Document,
  place: string,
  scope: Scope
): ((known: Known) => unknown) => {
  const read = part(value, place, scope)
  return (known) => {
    const made = read(known)
    return hasMissing(made) ? undefined : canonical(made)
  }
}

/** A value to compare with. */
export const operand = (value: unknown, place: string, scope: Scope): Operand => {
  if (value === null || typeof value === "number" || typeof value === "boolean") return { _tag: "Literal", value }
  if (typeof value === "string") {
    if (!value.startsWith("%%")) return { _tag: "Literal", value }
    if (value === "%%true" || value === "%%false") return { _tag: "Literal", value: value === "%%true" }
    return expansion(value, place, scope)
  }
  if (!Bson.isDocument(value)) return refuse(place, "an array as the value of a comparison")
  const [name = "", ...others] = Object.keys(value)
  if (others.length === 0 && typed.has(name)) {
    const literal = scalarOf(Result.getOrUndefined(Ejson.fromJson(value)))
    return literal === undefined ? refuse(place, `the value of "${name}"`) : { _tag: "Literal", value: literal }
  }
  if (others.length === 0 && name === "%function") return call(value[name], `${place}.${name}`, scope)
  const convert = others.length === 0 && Object.hasOwn(conversions, name) ? conversions[name] : undefined
  if (convert === undefined)
    return refuse(place, name.startsWith("%") ? `the operator "${name}"` : "a document as value")
  const inner = operand(value[name], `${place}.${name}`, scope)
  switch (inner._tag) {
    case "Literal":
      return { _tag: "Literal", value: convert(inner.value) ?? refuse(place, `the value of "${name}"`) }
    case "Known":
      return { _tag: "Known", get: (known) => convert(inner.get(known)), isWhole: false }
    case "Field":
      return compute(scope, [inner], (known, seen) => convert(valueOf(inner, known, seen)))
  }
}

/** An argument of a function: any value, with expansions in it. */
const argument = (
  value: unknown,
  place: string,
  scope: Scope,
  found: Array<Operand>
): ((known: Known, seen: Document) => unknown) => {
  if (Array.isArray(value)) {
    const items = value.map((item: unknown, i) => argument(item, `${place}[${i}]`, scope, found))
    return (known, seen) => items.map((it) => it(known, seen))
  }
  const entries = Bson.isDocument(value) ? Object.entries(value) : undefined
  const [first] = entries?.[0] ?? [""]
  if (entries === undefined || (entries.length === 1 && (typed.has(first) || first.startsWith("%")))) {
    const read = operand(value, place, scope)
    found.push(read)
    return (known, seen) => valueOf(read, known, seen)
  }
  const fields = entries.map(([name, inner]) =>
    name.startsWith("%") || name.startsWith("$")
      ? refuse(`${place}.${name}`, `"${name}" in an argument`)
      : ([name, argument(inner, `${place}.${name}`, scope, found)] as const)
  )
  return (known, seen) => {
    const made: Document = {}
    for (const [name, read] of fields) Bson.define(made, name, read(known, seen))
    return made
  }
}

/** The cache key of a call. */
export const keyOf = (name: string, args: ReadonlyArray<unknown>): string =>
  JSON.stringify([name, args.map((arg) => (arg === undefined ? "" : keyOfValue(canonical(arg))))])

const call = (value: unknown, place: string, scope: Scope): Operand => {
  const known = Bson.isDocument(value) ? value : refuse(place, "a value other than a document")
  const unknown = Object.keys(known).find((key) => key !== "name" && key !== "arguments")
  if (unknown !== undefined) refuse(`${place}.${unknown}`, `the key "${unknown}"`)
  const { arguments: given = [], name } = known
  if (typeof name !== "string" || name === "")
    return refuse(`${place}.name`, "a value other than the name of a function")
  if (!Array.isArray(given)) return refuse(`${place}.arguments`, "a value other than an array")
  const found: Array<Operand> = []
  const reads = given.map((it: unknown, i) => argument(it, `${place}.arguments[${i}]`, scope, found))
  const args = (known: Known, seen: Document) => reads.map((read) => read(known, seen))
  const ofDocument = found.some(({ _tag }) => _tag === "Field")
  scope.calls.push({ name, args, ofDocument, ofChange: found.some(isFieldOfChange) })
  const answer = (known: Known, seen: Document) => known.answers.get(keyOf(name, args(known, seen)))
  return ofDocument
    ? compute(scope, found, answer)
    : { _tag: "Known", get: (known) => answer(known, {}), isWhole: false }
}
