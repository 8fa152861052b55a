/**
 * Synchronous key-value storages, with the shape of those of `realm-web` 2: memory, `localStorage`, and parts of either.
 *
 * @since 0.1.0
 */

import { inPage, page } from "./internal/page.ts"

/**
 * A function that is called when a storage has changed.
 *
 * @category models
 * @since 0.1.0
 */
export type StorageChangeListener = () => void

/**
 * A synchronous key-value storage. Implement it to keep sessions in a storage of your own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Storage {
  /** The value of a key, or `null`. */
  readonly get: (key: string) => string | null
  readonly set: (key: string, value: string) => void
  readonly remove: (key: string) => void
  /** The part of the storage whose keys begin with `keyPart` and a colon. */
  readonly prefix: (keyPart: string) => Storage
  /** Removes every key that begins with the prefix. */
  readonly clear: (prefix?: string) => void
  readonly addListener: (listener: StorageChangeListener) => void
  readonly removeListener: (listener: StorageChangeListener) => void
}

/**
 * A part of another storage: each key is preceded by `keyPart` and a colon.
 *
 * @category constructors
 * @since 0.1.0
 */
export class PrefixedStorage implements Storage {
  readonly #storage: Storage
  readonly #prefix: string

  constructor(storage: Storage, keyPart: string) {
    this.#storage = storage
    this.#prefix = `${keyPart}:`
  }
  get(key: string): string | null {
    return this.#storage.get(this.#prefix + key)
  }
  set(key: string, value: string): void {
    this.#storage.set(this.#prefix + key, value)
  }
  remove(key: string): void {
    this.#storage.remove(this.#prefix + key)
  }
  prefix(keyPart: string): Storage {
    return new PrefixedStorage(this, keyPart)
  }
  clear(prefix = ""): void {
    this.#storage.clear(this.#prefix + prefix)
  }
  addListener(listener: StorageChangeListener): void {
    this.#storage.addListener(listener)
  }
  removeListener(listener: StorageChangeListener): void {
    this.#storage.removeListener(listener)
  }
}

/**
 * A storage in memory, which ends with the program.
 *
 * @category constructors
 * @since 0.1.0
 */
export class MemoryStorage implements Storage {
  readonly #values = new Map<string, string>()
  readonly #listeners = new Set<StorageChangeListener>()

  get(key: string): string | null {
    return this.#values.get(key) ?? null
  }
  set(key: string, value: string): void {
    this.#values.set(key, value)
    this.#changed()
  }
  remove(key: string): void {
    this.#values.delete(key)
    this.#changed()
  }
  prefix(keyPart: string): Storage {
    return new PrefixedStorage(this, keyPart)
  }
  clear(prefix = ""): void {
    for (const key of Array.from(this.#values.keys())) if (key.startsWith(prefix)) this.#values.delete(key)
    this.#changed()
  }
  addListener(listener: StorageChangeListener): void {
    this.#listeners.add(listener)
  }
  removeListener(listener: StorageChangeListener): void {
    this.#listeners.delete(listener)
  }
  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}

/**
 * The `localStorage` of a browser. What it refuses to keep, because it is full or blocked, is kept in memory instead: such a
 * session ends with the page, and works until then.
 *
 * @category constructors
 * @since 0.1.0
 */
export class LocalStorage implements Storage {
  readonly #kept = new MemoryStorage()

  get(key: string): string | null {
    return this.#kept.get(key) ?? attempt(() => page.localStorage.getItem(key)) ?? null
  }
  set(key: string, value: string): void {
    const done = attempt(() => {
      page.localStorage.setItem(key, value)
      return true
    })
    if (done === true) return this.#kept.remove(key)
    // an older value would be found after a reload
    attempt(() => page.localStorage.removeItem(key))
    this.#kept.set(key, value)
  }
  remove(key: string): void {
    this.#kept.remove(key)
    attempt(() => page.localStorage.removeItem(key))
  }
  prefix(keyPart: string): Storage {
    return new PrefixedStorage(this, keyPart)
  }
  clear(prefix = ""): void {
    this.#kept.clear(prefix)
    attempt(() => {
      for (const key of Object.keys(page.localStorage)) if (key.startsWith(prefix)) page.localStorage.removeItem(key)
    })
  }
  /** Calls the listener when another tab has changed the storage. */
  addListener(listener: StorageChangeListener): void {
    page.addEventListener("storage", listener)
  }
  removeListener(listener: StorageChangeListener): void {
    page.removeEventListener("storage", listener)
  }
}

/** A browser throws where storage is blocked, already at the mention of it. */
const attempt = <A>(use: () => A): A | undefined => {
  try {
    return use()
  } catch {
    return undefined
  }
}

let shared: Storage | undefined

/**
 * The storage that applications share by default, as in `realm-web`: in a page the part `realm-web` of `localStorage`,
 * elsewhere memory.
 *
 * @category constructors
 * @since 0.1.0
 */
export const defaultStorage = (): Storage =>
  (shared ??= inPage() ? new LocalStorage().prefix("realm-web") : new MemoryStorage())
