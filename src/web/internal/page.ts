/** What a page of a browser has, typed by hand: this package is checked without the types of browsers, too. */
interface Page {
  readonly document?: object
  readonly localStorage: {
    readonly getItem: (key: string) => string | null
    readonly setItem: (key: string, value: string) => void
    readonly removeItem: (key: string) => void
  }
  readonly navigator?: {
    readonly locks?: {
      readonly request: (
        name: string,
        options: { readonly signal: AbortSignal },
        use: () => Promise<void>
      ) => Promise<unknown>
    }
  }
  readonly BroadcastChannel?: new (name: string) => {
    readonly addEventListener: (type: "message", listener: (event: { readonly data: unknown }) => void) => void
    readonly postMessage: (message: string) => void
    readonly close: () => void
  }
  readonly indexedDB: IdbFactory
  readonly crypto: { readonly getRandomValues: (bytes: Uint8Array) => Uint8Array }
  readonly sessionStorage: Page["localStorage"]
  readonly location: {
    readonly hash: string
    readonly pathname: string
    readonly search: string
    readonly assign: (url: string) => void
  }
  readonly history: { readonly replaceState: (state: null, unused: "", url: string) => void }
  readonly open: (url: string, target: "_blank", features: string) => Popup | null
  readonly addEventListener: (type: "storage", listener: (event: StorageChange) => void) => void
  readonly removeEventListener: (type: "storage", listener: (event: StorageChange) => void) => void
}

/** The parts of IndexedDB that are used. */
export interface IdbFactory {
  readonly open: (name: string, version: number) => IdbRequest<IdbDatabase>
}

interface IdbTarget {
  readonly addEventListener: (type: string, listener: () => void) => void
}

/** A connection to a database. */
export interface IdbDatabase extends IdbTarget {
  readonly createObjectStore: (name: string) => unknown
  readonly transaction: (store: string, mode: "readonly" | "readwrite") => IdbTransaction
  readonly close: () => void
}

interface IdbTransaction extends IdbTarget {
  readonly error: unknown
  readonly objectStore: (name: string) => IdbStore
}

export interface IdbStore {
  readonly get: (key: string) => IdbRequest<unknown>
  readonly getAllKeys: () => IdbRequest<ReadonlyArray<unknown>>
  readonly put: (value: string, key: string) => unknown
  readonly delete: (key: string) => unknown
}

export interface IdbRequest<A> extends IdbTarget {
  readonly result: A
  readonly error: unknown
}

/** A window that this page has opened. */
export interface Popup {
  readonly closed: boolean
  readonly close: () => void
  readonly location: { href: string }
}

/** A change of `localStorage` by another tab. */
export interface StorageChange {
  readonly key: string | null
  readonly newValue: string | null
}

/**
 * The global object of a page. Its members are read when they are used: a browser throws at the mention of a storage that is
 * blocked, and tests replace some.
 *
 * @internal
 */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
export const page = globalThis as unknown as Page

/**
 * Whether this program runs in a page of a browser.
 *
 * @internal
 */
export const inPage = (): boolean => page.document !== undefined
