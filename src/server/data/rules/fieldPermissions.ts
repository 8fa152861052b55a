/** Field permissions: a tree whose leaves apply to everything below them. */
import { identical } from "../../language/updates/identical.ts"
import * as Bson from "../internal/bson.ts"
import type { Document } from "../internal/bson.ts"
import type { Condition, Mask } from "../View.ts"
import * as Conditions from "./conditions.ts"
import { type Known, orClosed, refuse, type Scope } from "./operands.ts"

export interface Permission {
  /** With children, the permission of a value without fields. */
  readonly read: boolean
  readonly write: boolean
  /** The permissions of named fields, and of all others. */
  readonly below: { readonly fields: ReadonlyMap<string, Permission>; readonly others: Permission } | undefined
}

export const everything: Permission = { read: true, write: true, below: undefined }
export const nothing: Permission = { read: false, write: false, below: undefined }

/** Permissions as a function of the caller and the document. */
export interface Permissions {
  readonly read: Conditions.Expression
  readonly write: Conditions.Expression
  readonly below: { readonly fields: ReadonlyMap<string, Permissions>; readonly others: Permissions } | undefined
}

const never: Conditions.Expression = () => false
export const none: Permissions = { read: never, write: never, below: undefined }

const isSet = (value: unknown): boolean => value !== undefined && value !== null

const either = (a: Conditions.Expression, b: Conditions.Expression): Conditions.Expression =>
  a === never ? b : (known) => Conditions.or([a(known), b(known)])

/** A field's own permission, which covers everything below it, and the permissions of fields below it. */
const covering = (own: Permissions, { below, read, write }: Permissions): Permissions => ({
  read: either(own.read, read),
  write: either(own.write, write),
  below: below && {
    fields: new Map(Array.from(below.fields, ([name, inner]) => [name, covering(own, inner)])),
    others: covering(own, below.others)
  }
})

/** Permission to write implies permission to read, unless that is denied. */
const permissions = (value: unknown, place: string, scope: Scope): Permissions => {
  if (!Bson.isDocument(value)) return refuse(place, "a field permission that is not a document")
  const unknown = Object.keys(value).find((name) => !["read", "write", "fields", "additional_fields"].includes(name))
  if (unknown !== undefined) return refuse(`${place}.${unknown}`, `"${unknown}" in a field permission`)
  const expression = (name: string) =>
    isSet(value[name])
      ? orClosed(
          scope,
          () => Conditions.expression(value[name], `${place}.${name}`, scope),
          () => [never, `it does not allow to ${name} the field`]
        )
      : undefined
  const given = expression("write")
  const read = expression("read") ?? given ?? never
  const write = given === undefined ? never : (known: Known) => Conditions.and([read(known), given(known)])
  const own: Permissions = { read, write, below: undefined }
  const isLeaf = Conditions.isEmpty(value["fields"]) && Conditions.isEmpty(value["additional_fields"])
  return isLeaf || (value["write"] === true && value["read"] !== false)
    ? own
    : covering(own, compileBelow(value["fields"], value["additional_fields"], place, scope))
}

/** Compiles `fields` and `additional_fields`. If they are not understood, no field is accessible by them. */
export const compile = (fields: unknown, additional: unknown, place: string, scope: Scope): Permissions =>
  orClosed(
    scope,
    () => compileBelow(fields, additional, place, scope),
    () => [none, "it allows no field"]
  )

const compileBelow = (fields: unknown, additional: unknown, place: string, scope: Scope): Permissions => {
  if (!Conditions.isEmpty(fields) && !Bson.isDocument(fields)) {
    return refuse(`${place}.fields`, "fields that are not a document")
  }
  const permissionsAt = (value: unknown, at: string, field: string | undefined): Permissions => {
    const inner: Scope = { ...scope, isField: true, field }
    return orClosed(
      scope,
      () => permissions(value, at, inner),
      () => [none, "it allows nothing of it"]
    )
  }
  const isUnnamed = scope.isField === true && scope.field === undefined
  const named = new Map(
    Object.entries(Bson.isDocument(fields) ? fields : {}).map(([name, value]) => {
      const at = `${place}.fields.${name}`
      if (name === "" || /[.$%]/.test(name)) return refuse(at, `the field name "${name}"`)
      return [name, permissionsAt(value, at, isUnnamed ? undefined : pathBelow(scope.field, name))]
    })
  )
  const others = Conditions.isEmpty(additional)
    ? none
    : permissionsAt(additional, `${place}.additional_fields`, undefined)
  return named.size === 0 ? others : { read: never, write: never, below: { fields: named, others } }
}

const pathBelow = (path: string | undefined, name: string): string => (path === undefined ? name : `${path}.${name}`)

/** Permissions for a caller, with conditions on the document. */
export interface Bound {
  readonly read: Condition
  readonly write: Condition
  readonly below: { readonly fields: ReadonlyMap<string, Bound>; readonly others: Bound } | undefined
}

export const bind = ({ below, read, write }: Permissions, known: Known): Bound => ({
  read: read(known),
  write: write(known),
  below: below && {
    fields: new Map([...below.fields].map(([name, inner]) => [name, bind(inner, known)])),
    others: bind(below.others, known)
  }
})

/** The visible part of an unchanged document. */
export const maskOf = ({ below, read }: Bound): Mask => {
  const shows = Conditions.unchanged(read)
  return {
    read: shows,
    // a readable value is readable below
    below:
      shows === true || below === undefined
        ? undefined
        : {
            fields: new Map([...below.fields].map(([name, inner]) => [name, maskOf(inner)])),
            others: maskOf(below.others)
          }
  }
}

/** Whether a mask uses a path. */
export const masksBy = ({ below, read }: Mask, isUnknown: (path: string) => boolean): boolean =>
  Conditions.mentions(read, isUnknown) ||
  (below !== undefined &&
    (masksBy(below.others, isUnknown) || [...below.fields.values()].some((it) => masksBy(it, isUnknown))))

/** The condition under which anything is readable. */
export const readsAny = ({ below, read }: Bound): Condition =>
  below === undefined ? read : Conditions.or([readsAny(below.others), ...[...below.fields.values()].map(readsAny)])

/** The permissions for a document; `change` evaluates conditions. */
export const resolver = (
  bound: Bound,
  change: (condition: Condition) => Condition
): ((document: Document) => Permission) => {
  const [read, write] = [change(bound.read), change(bound.write)]
  if (bound.below === undefined && typeof read === "boolean" && typeof write === "boolean") {
    const constant: Permission = { read, write, below: undefined }
    return () => constant
  }
  const fields = [...(bound.below?.fields ?? [])].map(([name, inner]) => [name, resolver(inner, change)] as const)
  const others = bound.below && resolver(bound.below.others, change)
  const [reads, writes] = [Conditions.holds(read), Conditions.holds(write)]
  return (document) => ({
    read: reads(document),
    write: writes(document),
    below: others && {
      fields: new Map(fields.map(([name, inner]) => [name, inner(document)])),
      others: others(document)
    }
  })
}

/** The permission of a field, from that of its parent. */
const below = (allowed: Permission, name: string): Permission =>
  allowed.below === undefined ? allowed : (allowed.below.fields.get(name) ?? allowed.below.others)

/** Whether any value is completely readable. */
export const readsAll = ({ below, read }: Permission): boolean =>
  read && (below === undefined || (readsAll(below.others) && [...below.fields.values()].every(readsAll)))

/** The intersection of two permissions to read; permission to write is the first one's. */
export const both = (allowed: Permission, mask: Permission): Permission => {
  if (readsAll(mask)) return allowed
  if (readsAll(allowed)) return mask
  if (allowed.below === undefined || mask.below === undefined) return nothing
  const names = [...allowed.below.fields.keys(), ...mask.below.fields.keys()]
  return {
    read: allowed.read && mask.read,
    write: false,
    below: {
      fields: new Map(names.map((name) => [name, both(below(allowed, name), below(mask, name))])),
      others: both(allowed.below.others, mask.below.others)
    }
  }
}

const inside = (value: unknown, name: string): unknown =>
  (Array.isArray(value) || Bson.isDocument(value)) && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined

/**
 * The permissions that may apply to a path of an update; all have to allow it. Elements of arrays are under the
 * permission of their array, by number or by `$`. Behind such an element, a number may be a field or an index.
 */
const at = (allowed: Permission, path: string, document: Document): ReadonlyArray<Permission> => {
  let found: ReadonlyArray<Permission> = [allowed]
  let value: unknown = document
  let isKnown = true
  for (const name of path === "" ? [] : path.split(".")) {
    if (name.startsWith("$")) {
      isKnown = false
      continue
    }
    const isNumber = /^\d+$/.test(name)
    if (isNumber && isKnown && Array.isArray(value)) {
      value = inside(value, name)
      continue
    }
    const named = new Set(isNumber && !isKnown ? found : [])
    for (const it of found) named.add(below(it, name))
    found = [...named]
    value = inside(value, name)
  }
  return found
}

/** Whether a change of a document may name a field. */
export const writesAt = (allowed: Permission, path: string, document: Document): boolean =>
  at(allowed, path, document).every(({ write }) => write)

/** Whether a field is completely visible. The `_id` of a visible document always is. */
export const readsAt = (allowed: Permission, path: string, document: Document): boolean =>
  /^_id(?:\.|$)/.test(path) || at(allowed, path, document).every(readsAll)

/** Whether a part of a field's parent is visible. If not, whether the field can be set would reveal hidden data. */
export const opensAt = (allowed: Permission, path: string, document: Document): boolean =>
  at(allowed, path.slice(0, Math.max(0, path.lastIndexOf("."))), document).every(
    (it) => it.below !== undefined || it.read
  )

/** Whether a value may be written as a whole. */
const writes = (value: unknown, allowed: Permission): boolean => {
  if (allowed.below === undefined || allowed.write) return allowed.write
  const { fields, others } = allowed.below
  return (
    Bson.isDocument(value) && Object.entries(value).every(([name, inner]) => writes(inner, fields.get(name) ?? others))
  )
}

/** Whether a whole document may be written; its `_id` comes with it. */
export const writesAll = ({ _id, ...document }: Document, allowed: Permission): boolean => writes(document, allowed)

/** Whether the differences between two documents are writable. */
export const writesDifference = (before: unknown, after: unknown, allowed: Permission): boolean => {
  if (identical(before, after)) return true
  if (allowed.below === undefined || allowed.write) return allowed.write
  const { fields, others } = allowed.below
  const [old, made] = [before ?? {}, after ?? {}]
  if (!Bson.isDocument(old) || !Bson.isDocument(made)) return false
  return [...new Set([...Object.keys(old), ...Object.keys(made)])].every((name) =>
    writesDifference(
      Object.hasOwn(old, name) ? old[name] : undefined,
      Object.hasOwn(made, name) ? made[name] : undefined,
      fields.get(name) ?? others
    )
  )
}
