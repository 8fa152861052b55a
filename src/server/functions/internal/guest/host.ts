/**
 * What the host gives to the code that runs inside a realm, which is all of this folder and what it imports: one script,
 * evaluated in each realm. Nothing of the host gets from here into the hands of a function unless the host made it
 * unchangeable, since all realms of the thread share it.
 */
import type { Call, Reply, Setup } from "../messages.ts"

/** How a call is answered: its tag, and the text that goes with it. */
export type AnswerTag = "Done" | "Streaming" | "End" | "Failed" | "Unreadable"

/**
 * Where a realm's code tells the host something: primitives. A function may have broken what makes them, so the host takes
 * anything for granted as little as this says.
 */
export interface Port {
  /** Answers a call: its id, an `AnswerTag`, a text. */
  readonly answer: (call: unknown, tag: unknown, text: unknown) => void
  /** Answers a step of the call's stream: the id of the call and of the step, an `AnswerTag`, a text. */
  readonly step: (call: unknown, step: unknown, tag: unknown, text: unknown) => void
  /** Asks for a host call: an id, the function that asks, the method, its arguments as a text. */
  readonly ask: (
    ask: unknown,
    name: unknown,
    isSystem: unknown,
    method: unknown,
    args: unknown,
    transaction: unknown
  ) => void
  readonly log: (level: unknown, text: unknown) => void
  /** A timer or a microtask threw. */
  readonly thrown: (text: unknown) => void
  /** What the realm waited for has come, so that it may be used again. */
  readonly settled: () => void
  /** The realm has loaded a module while a call ran. */
  readonly loaded: (name: unknown) => void
}

/** A module of an application's package. */
export interface ModuleFile {
  /** What is in the file, or `undefined` where the host has to load the module: an ES module, or a native one. */
  readonly text: string | undefined
  readonly isJson: boolean
}

/** A function made of a text. */
interface Compiled {
  (...args: ReadonlyArray<unknown>): unknown
  readonly prototype: unknown
}

export interface Host {
  readonly setup: Setup
  readonly port: Port
  /** The host's own global object. */
  readonly global: typeof globalThis
  /** What Node offers under a global name, unchangeable. */
  readonly shared: (name: string) => unknown
  /** A module of Node, whose members are unchangeable, while it is not. */
  readonly builtin: (name: string) => Record<string, unknown>
  /** Makes the host's classes that an object is of unchangeable. */
  readonly hardenClassOf: (instance: object) => void
  /** The names of Node's globals that the language does not have. */
  readonly globalNames: ReadonlyArray<string>
  readonly isBuiltin: (name: string) => boolean
  /** Runs something that logs and fails under the name of a function. */
  readonly within: <A>(name: string, run: () => A) => A
  /** Compiles a function of these parameters in the realm; the same text once per thread. */
  readonly compile: (text: string, file: string, parameters: string) => Compiled
  /** The path of a module that a file requires, or the name of one of Node's. Throws what Node throws. */
  readonly resolve: (name: string, from: string) => string
  /** The absolute path that a path or a URL of a file is. */
  readonly path: (file: string) => string
  readonly folder: (file: string) => string
  readonly read: (file: string) => ModuleFile
  /** Loads a module in the host, for all realms. */
  readonly load: (file: string) => unknown
}

/** What the host asks of a realm. */
export interface Guest {
  readonly begin: (call: Call) => void
  readonly next: (step: number) => void
  readonly cancel: () => void
  readonly reply: (ask: number, reply: Reply) => void
  /** Loads a module ahead of calls. */
  readonly load: (name: string) => void
  /** How many things the realm waits for: timers, answers of the host, what Node does for it. */
  readonly pending: () => number
  /** Whether a call did what may go on after it unseen. */
  readonly isSpent: () => boolean
  /** Whether a call may have changed what the values of properties do not show, since this was last asked. */
  readonly isSuspect: () => boolean
  /** Whether a call has used what calls seldom do, since this was last asked. */
  readonly hasUsedRare: () => boolean
  /** Tells which objects are those that no call may leave changed. */
  readonly guard: (objects: ReadonlyArray<object>) => void
  /** Forgets what the engine remembers of the last call. */
  readonly reset: () => void
  /** Objects beside the global one that functions can reach. */
  readonly roots: () => ReadonlyArray<unknown>
  /** The modules that the realm has loaded, and what they are kept in. */
  readonly modules: () => ReadonlyArray<unknown>
  /** Those that only what calls seldom use leads to. */
  readonly rare: ReadonlyArray<unknown>
}

declare global {
  /** The parameter of the script. */
  const __host: Host
}

export const host: Host = __host
