/**
 * The interface between the host and the code inside a realm, which is this folder and what it imports: one script,
 * evaluated in each realm. Objects of the host must not reach functions unless they are frozen, since all realms of the
 * thread share them.
 */
import type { Call, Reply, Setup } from "../../shared/messages.ts"

/** The tag of an answer, which has a text. */
export type AnswerTag = "Done" | "Streaming" | "End" | "Failed" | "Unreadable"

/**
 * Messages of the realm to the host, as primitives. A function may have broken the code that creates them, so the host
 * validates them.
 */
export interface Port {
  /** Answers a call: its id, an `AnswerTag`, a text. */
  readonly answer: (call: unknown, tag: unknown, text: unknown, trace?: unknown) => void
  /** Answers a step of the call's stream: the id of the call and of the step, an `AnswerTag`, a text. */
  readonly step: (call: unknown, step: unknown, tag: unknown, text: unknown, trace?: unknown) => void
  /** Makes a host call: an id, the calling function, the method, its encoded arguments. */
  readonly ask: (
    ask: unknown,
    name: unknown,
    isSystem: unknown,
    method: unknown,
    args: unknown,
    transaction: unknown
  ) => void
  /** Makes a host call and waits for its reply, encoded as JSON; an empty text if the call has ended. */
  readonly askNow: (name: unknown, isSystem: unknown, method: unknown, args: unknown) => string
  readonly log: (level: unknown, text: unknown) => void
  /** An exception of a timer or a microtask. */
  readonly thrown: (text: unknown) => void
  /** The pending activity has ended, so that the realm may be reused. */
  readonly settled: () => void
  /** The realm loaded a module during a call. */
  readonly loaded: (name: unknown) => void
}

/** A module of an application's package. */
export interface ModuleFile {
  /** The content of the file, or `undefined` if the host has to load the module: an ES module, or a native one. */
  readonly text: string | undefined
  readonly isJson: boolean
}

/** A compiled function. */
interface Compiled {
  (...args: ReadonlyArray<unknown>): unknown
  readonly prototype: unknown
}

export interface Host {
  readonly setup: Setup
  /** The application's folder, as stacks start with it. */
  readonly root: string | undefined
  readonly port: Port
  /** The host's own global object. */
  readonly global: typeof globalThis
  /** A global of Node, frozen. */
  readonly shared: (name: string) => unknown
  /** A module of Node: its members are frozen, the module object is not. */
  readonly builtin: (name: string) => Record<string, unknown>
  /** Freezes the host's classes of an object. */
  readonly hardenClassOf: (instance: object) => void
  /** The names of Node's globals that are not part of the language. */
  readonly globalNames: ReadonlyArray<string>
  readonly isBuiltin: (name: string) => boolean
  /** Runs code on behalf of a function, for logging and errors. */
  readonly within: <A>(name: string, run: () => A) => A
  /** Compiles a function with these parameters in the realm; each text is parsed once per thread. */
  readonly compile: (text: string, file: string, parameters: string) => Compiled
  /** Resolves a module that a file requires to a path, or to the name of a module of Node. Throws as Node does. */
  readonly resolve: (name: string, from: string) => string
  /** The absolute path of a path or a file URL. */
  readonly path: (file: string) => string
  readonly folder: (file: string) => string
  readonly read: (file: string) => ModuleFile
  /** Loads a module in the host, for all realms. */
  readonly load: (file: string) => unknown
}

/** The functions of a realm that the host calls. */
export interface Guest {
  readonly begin: (call: Call) => void
  readonly next: (step: number) => void
  readonly cancel: () => void
  readonly reply: (ask: number, reply: Reply) => void
  /** Loads a module before the first call. */
  readonly load: (name: string) => void
  /** The number of pending activities: timers, host calls, operations of Node. */
  readonly pending: () => number
  /** Whether activity of a call may go on unobserved. */
  readonly isSpent: () => boolean
  /** Whether a call may have changed property attributes since the last call of this function. */
  readonly isSuspect: () => boolean
  /** Whether a call used something rare since the last call of this function. */
  readonly hasUsedRare: () => boolean
  /** Sets the objects of the snapshot. */
  readonly guard: (objects: ReadonlyArray<object>) => void
  /** Clears the engine's state of the last call. */
  readonly reset: () => void
  /** Roots other than the global object. */
  readonly roots: () => ReadonlyArray<unknown>
  /** The loaded modules of the realm, and their registry. */
  readonly modules: () => ReadonlyArray<unknown>
  /** Roots that are reachable by rarely used parts only. */
  readonly rare: ReadonlyArray<unknown>
}

declare global {
  /** The parameter of the script. */
  const __host: Host
}

export const host: Host = __host
