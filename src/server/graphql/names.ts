/** The names of types and fields. */
import { pluralize, singularize } from "./internal/graphqlJs.ts"

const isName = (name: string): boolean => /^[A-Za-z_]\w*$/.test(name) && !name.startsWith("__")

/** Leaves out what a name cannot have; a letter behind it becomes a capital one. */
const cleaned = (text: string): string =>
  text.replace(/^[^A-Za-z_]+/, "").replace(/\W+(\w?)/g, (_, next: string) => next.toUpperCase())

/** The name of a field; `undefined` if nothing is left of it. */
export const fieldName = (text: string): string | undefined => {
  const name = cleaned(text)
  return isName(name) ? name : undefined
}

export const capital = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1)

/** The name of a type; `undefined` if nothing is left of it. */
export const typeName = (text: string): string | undefined => {
  const name = fieldName(text)
  return name === undefined ? undefined : capital(name)
}

/** The name of the type of the documents in a list. */
export const singular = (name: string): string => singularize(name)

/** The plural of a type's name, which always differs from it. */
export const plural = (name: string, isNatural: boolean): string => {
  const made = isNatural ? capital(pluralize(name)) : `${name}s`
  return made === name ? `${name}s` : made
}

/** The name of a field that answers with a type. */
export const queryName = (type: string): string => type.slice(0, 1).toLowerCase() + type.slice(1)
