/** A storage of its own for each app of realm-web, whose default storage is shared by the whole process. */
import type { App } from "realm-web"

type Storage = NonNullable<Exclude<ConstructorParameters<typeof App>[0], string>["storage"]>

export type { Storage }

export const make = (values = new Map<string, string>(), prefix = ""): Storage => ({
  get: (key) => values.get(prefix + key) ?? null,
  set: (key, value) => void values.set(prefix + key, value),
  remove: (key) => void values.delete(prefix + key),
  prefix: (part) => make(values, `${prefix}${part}:`),
  clear: (start = "") => {
    for (const key of values.keys()) if (key.startsWith(prefix + start)) values.delete(key)
  },
  addListener: () => {},
  removeListener: () => {}
})
