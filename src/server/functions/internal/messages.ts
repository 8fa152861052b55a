/**
 * What a server and a process that runs the functions of an application tell each other, and what the two threads of that
 * process share: the one that runs functions, and the watcher.
 */

/** What functions may do with documents, each a host call of its own that may belong to a transaction. */
export const operations = [
  "insert",
  "find",
  "update",
  "delete",
  "findOneAnd",
  "aggregate",
  "count",
  "distinct",
  "bulkWrite"
] as const

/** What functions may do with documents. */
export type Operation = (typeof operations)[number]

/** The host calls. A new one is added here, in `SourceContext.ts` and in `FunctionHost.ts`. */
export const hostCalls = [...operations, "collections", "databases", "commit", "abort", "execute"] as const

/** What a function asks the server for. */
export type HostCall = (typeof hostCalls)[number]

/** The source of a function. */
export interface Source {
  readonly text: string
  readonly file: string
}

/** A function of the application. */
export interface SourceFunction extends Source {
  /**
   * Which functions of the same process may call it at once: those that run as the system, all of them, or none, since the
   * server has to decide whether they may, or as whom it runs.
   */
  readonly openTo: "system" | "all" | "none"
  /** Whether it runs as the system, whoever calls it. */
  readonly asSystem: boolean
}

/** What a process knows from the start. Values are written by `values.ts`. */
export interface Setup {
  readonly appId: string
  readonly root: string | undefined
  /** By the name of the function. */
  readonly sources: ReadonlyMap<string, SourceFunction>
  readonly values: ReadonlyMap<string, string>
  readonly environment: string
  /** What functions see as `context.app`. */
  readonly app: string
  readonly dataSources: ReadonlySet<string>
  /** The types of services other than data sources, by name. */
  readonly services: ReadonlyMap<string, string>
  /** How long a call may take. */
  readonly timeLimitMillis: number
  /** How many bytes of memory the process may take up, buffers included. */
  readonly memoryLimit: number
}

/** A {@link Setup} as it is sent, before everything else. */
export interface SetupMessage extends Omit<Setup, "dataSources" | "sources" | "values" | "services"> {
  readonly dataSources: ReadonlyArray<string>
  readonly sources: ReadonlyArray<readonly [name: string, source: SourceFunction]>
  readonly values: ReadonlyArray<readonly [name: string, value: string]>
  readonly services: ReadonlyArray<readonly [name: string, type: string]>
}

export const writeSetup = (setup: Setup): SetupMessage => ({
  ...setup,
  dataSources: [...setup.dataSources],
  sources: [...setup.sources],
  values: [...setup.values],
  services: [...setup.services]
})

export const readSetup = (message: SetupMessage): Setup => ({
  ...message,
  dataSources: new Set(message.dataSources),
  sources: new Map(message.sources),
  values: new Map(message.values),
  services: new Map(message.services)
})

/** The file descriptors of the process: what the server sends, what it is sent, and the watcher's own pipe. */
export const pipes = { input: 3, output: 4, control: 5 } as const

/**
 * Index of the shared number that says which call was begun last. A call is begun only by raising it to the call's id, and
 * the watcher takes back what is not begun by raising it itself: so a call runs in one process alone.
 */
export const begun = 0

/** What the watcher is started with. */
export interface Watched {
  readonly memoryLimit: number
  /** One number of 32 bits, at {@link begun}. */
  readonly shared: Int32Array
}

/** Asks the watcher to take back the calls after the one begun last, up to this one. */
export interface ToWatcher {
  readonly upTo: number
}

/** What the watcher says: which call was begun last, and whether the process ends because of its memory. */
export interface FromWatcher {
  readonly _tag: "Begun" | "OutOfMemory"
  readonly last: number
}

/** Whether an id comes after another one; ids start again below zero when the numbers of 32 bits are used up. */
export const isAfter = (id: number, other: number): boolean => ((id - other) | 0) > 0

/**
 * How a call is answered: with Extended JSON, with a value in full, with a stream of Extended JSON, or with a
 * {@link Responded} as JSON; the arguments are then a request and {@link ResponseSettings}.
 */
export type AnswerKind = "Text" | "Value" | "Stream" | "Response"

/** What the response to an HTTP request needs of the function that answers it. */
export interface ResponseSettings {
  readonly encoding: "JSON" | "EJSON"
  /** Whether the function's result may be the body. */
  readonly usesResult: boolean
}

/** What a function made of an HTTP request; what it did not set is absent. */
export interface Responded {
  /** A status that is not a number is null. */
  readonly status?: number | null | undefined
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body?: { readonly text: string } | { readonly base64: string } | undefined
  /** The result of the function, encoded. */
  readonly result?: string | undefined
}

/** Either Extended JSON of a document whose `arguments` are meant, as a client sent it, or written by `values.ts`. */
export type Arguments = { readonly document: string } | { readonly values: string }

/** A call of a function. */
export interface Call {
  readonly _tag: "Call"
  readonly id: number
  readonly name: string
  /** Where it is not that of the application's function of the name. */
  readonly source: Source | undefined
  /** The user and the request, as `values.ts` writes them. */
  readonly caller: string
  readonly args: Arguments
  readonly kind: AnswerKind
  /** Whether it runs as the system, so that no rule holds for what it does. */
  readonly isSystem: boolean
  /** Whether whoever calls it is the system. */
  readonly bySystem: boolean
}

/** What came of a host call. */
export type Reply =
  | { readonly _tag: "Success"; readonly value: string }
  | {
      /** The database refused. */
      readonly _tag: "DatabaseFailure"
      readonly message: string
      readonly code: number | undefined
      readonly labels: ReadonlyArray<string>
    }
  | { readonly _tag: "Failure"; readonly message: string }

/** What the server tells, in batches. */
export type ToProcess =
  | Call
  /** Asks for the next event of the stream that answered a call. */
  | { readonly _tag: "Next"; readonly id: number; readonly call: number }
  /** Nobody waits for the call's answer any more, nor for the rest of its stream. */
  | { readonly _tag: "Cancel"; readonly call: number }
  | { readonly _tag: "Reply"; readonly id: number; readonly reply: Reply }

/** What came of a call, or of a step of its stream. */
export type Answer =
  | { readonly _tag: "Done"; readonly text: string }
  | { readonly _tag: "Streaming" }
  | { readonly _tag: "End" }
  | { readonly _tag: "Failed"; readonly message: string }
  /** The client's arguments are not Extended JSON. */
  | { readonly _tag: "Unreadable"; readonly message: string }

/** On whose behalf something is done, also when the call is long over. */
export interface Origin {
  readonly call: number
  readonly caller: string
  /** The function that does it: the one called, or one that it executes. */
  readonly name: string
  readonly isSystem: boolean
  readonly bySystem: boolean
}

/** The levels of lines of a function's console. */
export const levels = ["Debug", "Info", "Warn", "Error"] as const

/** How serious a line of a function's console is. */
export type Level = (typeof levels)[number]

/** What the process tells. */
export type FromProcess =
  | { readonly _tag: "Answer"; readonly id: number; readonly answer: Answer }
  | {
      readonly _tag: "Ask"
      readonly id: number
      readonly origin: Origin
      readonly method: HostCall
      readonly args: string
      /** The transaction it belongs to, by an id that the process gave it. */
      readonly transaction: string | undefined
    }
  | { readonly _tag: "Log"; readonly origin: Origin; readonly level: Level; readonly text: string }
  /** An error that no call waits for. */
  | { readonly _tag: "Stray"; readonly name: string | undefined; readonly text: string }

/** A message of the process, with the number of batches it has received: one that never yields receives none. */
export interface Told {
  readonly received: number
  /** Absent where there is nothing to say but that a batch was received. */
  readonly message?: FromProcess
}
