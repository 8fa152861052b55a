/** Which fields of a document may be read and written: a tree, whose leaves answer for all that is below them. */
import * as Bson from "./bson.ts"
import type { Document } from "./bson.ts"
import { isEmpty, refuse } from "./ruleConditions.ts"

export interface Permission {
  readonly read: boolean
  readonly write: boolean
  /** What differs below, and what holds for all that is not named. */
  readonly below: { readonly fields: ReadonlyMap<string, Permission>; readonly others: Permission } | undefined
}

export const everything: Permission = { read: true, write: true, below: undefined }
export const nothing: Permission = { read: false, write: false, below: undefined }

const flag = (value: unknown, place: string): boolean | undefined =>
  value === undefined || value === null
    ? undefined
    : typeof value === "boolean"
      ? value
      : refuse(place, "a field permission that is neither true nor false")

/** What may be written may be read, unless that is refused. */
const permission = (value: unknown, place: string): Permission => {
  if (!Bson.isDocument(value)) return refuse(place, "a field permission that is no document")
  const unknown = Object.keys(value).find((name) => !["read", "write", "fields", "additional_fields"].includes(name))
  if (unknown !== undefined) return refuse(`${place}.${unknown}`, `"${unknown}" in a field permission`)
  const write = flag(value["write"], `${place}.write`)
  const read = flag(value["read"], `${place}.read`) ?? write ?? false
  const leaf: Permission = { read, write: write === true && read, below: undefined }
  if (leaf.write || (isEmpty(value["fields"]) && isEmpty(value["additional_fields"]))) return leaf
  const below = compile(value["fields"], value["additional_fields"], place)
  // all that may be read as a whole may be read below
  return leaf.read ? refuse(place, "a readable field with permissions below it") : below
}

/** Compiles `fields` and `additional_fields`. */
export const compile = (fields: unknown, additional: unknown, place: string): Permission => {
  if (!isEmpty(fields) && !Bson.isDocument(fields)) return refuse(`${place}.fields`, "fields that are no document")
  const named = new Map(
    Object.entries(Bson.isDocument(fields) ? fields : {}).map(([name, value]) =>
      name === "" || /[.$%]/.test(name)
        ? refuse(`${place}.fields.${name}`, `the field name "${name}"`)
        : [name, permission(value, `${place}.fields.${name}`)]
    )
  )
  const others = isEmpty(additional) ? nothing : permission(additional, `${place}.additional_fields`)
  if (named.size === 0) return others
  return { read: false, write: false, below: { fields: named, others } }
}

/** Whether anything at all may be read. */
export const readsAny = ({ below, read }: Permission): boolean =>
  below === undefined ? read : readsAny(below.others) || [...below.fields.values()].some(readsAny)

const shown = (value: unknown, allowed: Permission): unknown => {
  if (allowed.below === undefined) return allowed.read ? value : undefined
  if (Array.isArray(value)) {
    // what is no document in a list has no fields that could be told apart
    return value.filter(Bson.isDocument).map((item) => shown(item, allowed))
  }
  return Bson.isDocument(value) ? strip(value, allowed) : undefined
}

/** What of a document may be read. */
export const strip = (document: Document, { below, read }: Permission): Document => {
  if (below === undefined && read) return document
  const out: Document = {}
  for (const [name, value] of Object.entries(document)) {
    const kept = shown(value, below?.fields.get(name) ?? below?.others ?? nothing)
    if (kept !== undefined) Bson.define(out, name, kept)
  }
  return out
}

/** The permission for a path; array positions are no names. */
export const at = (allowed: Permission, path: string): Permission => {
  let found = allowed
  for (const name of path.split(".")) {
    if (found.below === undefined) return found
    if (!/^(\d+|\$.*)$/.test(name)) found = found.below.fields.get(name) ?? found.below.others
  }
  return found
}

/** Whether a value may be written as a whole. */
const writes = (value: unknown, allowed: Permission): boolean => {
  if (allowed.below === undefined) return allowed.write
  const { fields, others } = allowed.below
  return (
    Bson.isDocument(value) && Object.entries(value).every(([name, inner]) => writes(inner, fields.get(name) ?? others))
  )
}

/** Whether a whole document may be written; its `_id` comes with it. */
export const writesAll = ({ _id, ...document }: Document, allowed: Permission): boolean => writes(document, allowed)

/** Whether what differs between two documents may be written. */
export const writesDifference = (before: unknown, after: unknown, allowed: Permission): boolean => {
  if (Bson.key(before) === Bson.key(after) && (before === undefined) === (after === undefined)) return true
  if (allowed.below === undefined) return allowed.write
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
