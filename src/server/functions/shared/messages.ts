/**
 * The messages between the server and a process that runs functions, and the shared state of the two threads of that
 * process: the one that runs functions, and the watcher.
 */

/** Operations on documents. Each is a host call that may belong to a transaction. */
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

/** Operations on documents. */
export type Operation = (typeof operations)[number]

/** The host calls. A new one is added here, in `context/Context.ts` and in `FunctionHost.ts`. */
export const hostCalls = [...operations, "collections", "databases", "commit", "abort", "execute", "action"] as const

/** A host call. */
export type HostCall = (typeof hostCalls)[number]

/** The source of a function. */
export interface Source {
  readonly text: string
  readonly file: string
}

/** A function of the application. */
export interface SourceFunction extends Source {
  /**
   * Which functions of the same process may call it directly: those that run as the system, all, or none, if the server
   * has to evaluate a rule or a setting.
   */
  readonly openTo: "system" | "all" | "none"
  /** Whether it runs as the system for every caller. */
  readonly asSystem: boolean
}

/** What the functions' process knows of a third-party service. */
export interface DeclaredService {
  readonly type: string
  /** Whether the service has rules, which the server evaluates. */
  readonly hasRules: boolean
}

/** The configuration of a process. Values are encoded by `values.ts`. */
export interface Setup {
  readonly appId: string
  readonly root: string | undefined
  /** By function name. */
  readonly sources: ReadonlyMap<string, SourceFunction>
  readonly values: ReadonlyMap<string, string>
  readonly environment: string
  /** The object `context.app`. */
  readonly app: string
  readonly dataSources: ReadonlySet<string>
  /** The services other than data sources, by name. */
  readonly services: ReadonlyMap<string, DeclaredService>
  /** The time limit of a call. */
  readonly timeLimitMillis: number
  /** The memory limit of the process, buffers included, in bytes. */
  readonly memoryLimit: number
}

/** The encoding of {@link Setup}, which is the first message. */
export interface SetupMessage extends Omit<Setup, "dataSources" | "sources" | "values" | "services"> {
  readonly dataSources: ReadonlyArray<string>
  readonly sources: ReadonlyArray<readonly [name: string, source: SourceFunction]>
  readonly values: ReadonlyArray<readonly [name: string, value: string]>
  readonly services: ReadonlyArray<readonly [name: string, service: DeclaredService]>
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

/** The file descriptors of the process: input, output, the watcher's pipe, and replies that the process waits for. */
export const pipes = { input: 3, output: 4, control: 5, replies: 6 } as const

/**
 * The index of the shared number of the call begun last. A call begins by raising it to the call's id, and the watcher
 * takes back calls by raising it itself, so that a call runs in one process only.
 */
export const begun = 0

/** The watcher's start data. */
export interface Watched {
  readonly memoryLimit: number
  /** A 32-bit number at {@link begun}. */
  readonly shared: Int32Array
}

/** Takes back the calls after the one begun last, up to this one. */
export interface ToWatcher {
  readonly upTo: number
}

/** The watcher's report: the call begun last, and whether the process exits because of its memory. */
export interface FromWatcher {
  readonly _tag: "Begun" | "OutOfMemory"
  readonly last: number
}

/** Whether an id is later than another; ids wrap around at 32 bits. */
export const isAfter = (id: number, other: number): boolean => ((id - other) | 0) > 0

/**
 * The kind of answer: Extended JSON, a full value, a stream of Extended JSON, or a {@link Responded} as JSON; the arguments are then a request and {@link ResponseSettings}.
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

/** Arguments: either Extended JSON of a document with `arguments`, as a client sent it, or encoded by `values.ts`. */
export type Arguments = { readonly document: string } | { readonly values: string }

/** A call of a function. */
export interface Call {
  readonly _tag: "Call"
  readonly id: number
  readonly name: string
  /** The source, if it is not that of the application's function of this name. */
  readonly source: Source | undefined
  /** The user and the request, encoded by `values.ts`. */
  readonly caller: string
  readonly args: Arguments
  readonly kind: AnswerKind
  /** Whether it runs as the system, without rules. */
  readonly isSystem: boolean
  /** Whether its caller is the system. */
  readonly bySystem: boolean
}

/** The result of a host call. */
export type Reply =
  | { readonly _tag: "Success"; readonly value: string }
  | {
      /** The database rejected the operation. */
      readonly _tag: "DatabaseFailure"
      readonly message: string
      readonly code: number | undefined
      readonly labels: ReadonlyArray<string>
    }
  | { readonly _tag: "Failure"; readonly message: string }

/** The messages of the server, sent in batches. */
export type ToProcess =
  | Call
  /** Requests the next event of a call's stream. */
  | { readonly _tag: "Next"; readonly id: number; readonly call: number }
  /** Cancels a call, or the rest of its stream. */
  | { readonly _tag: "Cancel"; readonly call: number }
  | { readonly _tag: "Reply"; readonly id: number; readonly reply: Reply }

/** The result of a call, or of a step of its stream. */
export type Answer =
  | { readonly _tag: "Done"; readonly text: string }
  | { readonly _tag: "Streaming" }
  | { readonly _tag: "End" }
  /** `trace` is where the function threw, in the application's own lines. */
  | { readonly _tag: "Failed"; readonly message: string; readonly trace?: string | undefined }
  /** The client's arguments are not Extended JSON. */
  | { readonly _tag: "Unreadable"; readonly message: string }

/** Identifies the call that a message belongs to, which may have ended. */
export interface Origin {
  readonly call: number
  readonly caller: string
  /** The function: the one called, or one that it executes. */
  readonly name: string
  readonly isSystem: boolean
  readonly bySystem: boolean
}

/** The levels of a function's console. */
export const levels = ["Debug", "Info", "Warn", "Error"] as const

/** The level of a line of a function's console. */
export type Level = (typeof levels)[number]

/** The messages of the process. */
export type FromProcess =
  | { readonly _tag: "Answer"; readonly id: number; readonly answer: Answer }
  | {
      readonly _tag: "Ask"
      readonly id: number
      readonly origin: Origin
      readonly method: HostCall
      readonly args: string
      /** The transaction, by an id that the process assigned. */
      readonly transaction: string | undefined
      /** Whether the process does nothing else until it has the reply, which it reads from a pipe of its own. */
      readonly isWaiting?: boolean | undefined
    }
  | { readonly _tag: "Log"; readonly origin: Origin; readonly level: Level; readonly text: string }
  /** An error outside of calls. */
  | { readonly _tag: "Stray"; readonly name: string | undefined; readonly text: string }
  /** What the limits of the output left out. */
  | { readonly _tag: "LeftOut"; readonly text: string }

/** A message of the process, with the number of received batches: a process that never yields receives none. */
export interface Told {
  readonly received: number
  /** Absent if only a batch is acknowledged. */
  readonly message?: FromProcess
}
