/** Calls the functions of an application, written in code or exported. */
import * as ByteSize from "effect/ByteSize"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as JsonSize from "../../protocol/internal/jsonSize.ts"
import * as Ejson from "../../protocol/Ejson.ts"
import type { App, AppFunction, Handler } from "../model/App.ts"
import * as Collection from "../data/Collection.ts"
import { Database } from "../data/Database.ts"
import { copy } from "../data/internal/bson.ts"
import * as Texts from "../data/Texts.ts"
import { UserStore } from "../users/UserStore.ts"
import { type Actor, type Caller, isSystem, make as makeAccess, notAllowed } from "./FunctionAccess.ts"
import { FunctionError } from "../model/FunctionContext.ts"
import * as Metrics from "../model/Metrics.ts"
import * as FunctionActions from "./FunctionActions.ts"
import * as FunctionHost from "./FunctionHost.ts"
import * as FunctionStream from "./FunctionStream.ts"
import type * as ExportedFunctions from "./ExportedFunctions.ts"
import * as handlers from "./handlers.ts"
import { thrown } from "./handlers.ts"
import * as Pools from "./pools.ts"
import * as failures from "./shared/failures.ts"
import type { AnswerKind, Arguments, Responded, ResponseSettings } from "./shared/messages.ts"
import { timedOut } from "./pool/outcomes.ts"
import * as values from "./shared/values.ts"

export type {
  /** A call and its caller. */
  Caller
} from "./FunctionAccess.ts"

/**
 * The arguments of a call as a client sent them: Extended JSON of a document with `arguments`, and these arguments
 * after parsing JSON, which the receiver may modify.
 */
export interface Sent {
  readonly document: string
  readonly json: ReadonlyArray<unknown>
}

/** Runs functions. */
export class FunctionRuntime extends Context.Service<
  FunctionRuntime,
  {
    /**
     * Calls a function for a client. Private functions, and those whose rule does not allow the caller, are rejected.
     * Arguments and result are Extended JSON; fails with `EjsonError` if the arguments are malformed.
     */
    readonly call: (caller: Caller, name: string, sent: Sent) => Effect.Effect<string, FunctionError | Ejson.EjsonError>
    /** Calls a function for a client, and streams the values that it yields. */
    readonly stream: (
      caller: Caller,
      name: string,
      sent: Sent
    ) => Effect.Effect<Stream.Stream<string, FunctionError | Ejson.EjsonError>, FunctionError | Ejson.EjsonError>
    /** Fails as `stream` would before it runs the function: if it is unknown, or the client may not call it. */
    readonly check: (caller: Caller, name: string, sent: Sent) => Effect.Effect<void, FunctionError | Ejson.EjsonError>
    /** Runs a function for the server itself. */
    readonly run: (
      caller: Caller,
      fn: AppFunction,
      args: ReadonlyArray<unknown>
    ) => Effect.Effect<unknown, FunctionError>
    /**
     * Answers an HTTP request with a function of an exported application, which its own rule may refuse. The first
     * argument of the function is `request`, the second one has the methods by which it answers.
     */
    readonly respond: (
      caller: Caller,
      fn: AppFunction,
      request: unknown,
      settings: ResponseSettings
    ) => Effect.Effect<Responded, FunctionError>
    /** Runs a function that its own rule may refuse to the caller, also one that clients cannot call. */
    readonly execute: (
      caller: Caller,
      name: string,
      args: ReadonlyArray<unknown>
    ) => Effect.Effect<unknown, FunctionError>
    /** The database as a function finds it that its own rule does not refuse to the caller. */
    readonly databaseAs: (
      caller: Caller,
      fn: AppFunction,
      args: ReadonlyArray<unknown>
    ) => Effect.Effect<Database["Service"], FunctionError>
    /** Ends the processes of an application that was replaced, after the calls in them. */
    readonly retire: (app: App) => Effect.Effect<void>
    /** The database as the caller may use it directly. */
    readonly databaseOf: (caller: Caller) => Database["Service"]
  }
>()("effect-app-services/server/functions/FunctionRuntime") {
  static readonly layer = (options?: {
    /**
     * The time limit of a call.
     *
     * @default "90 seconds"
     */
    readonly timeLimit?: Duration.Input | undefined
    /**
     * The memory limit of an exported application's functions, buffers included.
     *
     * @default "512 MiB"
     */
    readonly memoryLimit?: ByteSize.Input | undefined
  }): Layer.Layer<FunctionRuntime, never, Database | UserStore> =>
    Layer.effect(
      FunctionRuntime,
      make(
        Duration.fromInputUnsafe(options?.timeLimit ?? "90 seconds"),
        ByteSize.toNumberUnsafe(
          options?.memoryLimit === undefined ? ByteSize.mebibytes(512) : ByteSize.fromInputUnsafe(options.memoryLimit)
        )
      )
    )
}

const make = Effect.fnUntraced(function* (timeLimit: Duration.Duration, memoryLimit: number) {
  const database = yield* Database
  const store = yield* UserStore

  const evaluate = (
    caller: Caller,
    fn: AppFunction,
    args: ReadonlyArray<unknown>,
    deadline: ExportedFunctions.Deadline = { passed: false }
  ): Effect.Effect<unknown, FunctionError> =>
    Effect.flatMap(access.actor(caller, fn, args), (actor) => evaluateAs(actor, fn, args, deadline))

  const access = makeAccess(database, store, evaluate)

  /** Calls a function for another one. */
  const execute = Effect.fnUntraced(function* (caller: Caller, name: string, args: ReadonlyArray<unknown>) {
    const fn = yield* find(caller.app, name)
    yield* access.check(caller, fn, args)
    return yield* evaluate(caller, fn, args)
  })

  const host = FunctionHost.make(access, execute, FunctionActions.make(access, store))

  const pools = yield* Pools.make(host, { timeLimitMillis: timeLimitMillis(timeLimit), memoryLimit })

  const handle = (actor: Actor, fn: AppFunction, handler: Handler, args: ReadonlyArray<unknown>) => {
    const { app, request, user } = actor.caller
    return handlers.run(handler, args, {
      appId: app.id,
      user,
      request,
      value: (name) => app.values.get(name),
      environment: app.environment,
      runningAsSystem: actor.isSystem,
      collection: (name, collection, service = "mongodb-atlas") =>
        Collection.make(access.databaseOf(actor, fn), { appId: app.id, service, database: name, collection }),
      execute: (name, ...args) => Effect.map(execute(actor.caller, name, args), copy)
    })
  }

  /** Calls an exported function, which runs in a process. */
  const ask = (
    actor: Actor,
    fn: AppFunction,
    source: SourceBody,
    args: Arguments,
    kind: AnswerKind,
    deadline: ExportedFunctions.Deadline | undefined
  ) => pools.of(actor.caller.app).call({ actor, fn, source, args, kind, deadline })

  const evaluateAs = (
    actor: Actor,
    fn: AppFunction,
    args: ReadonlyArray<unknown>,
    deadline: ExportedFunctions.Deadline
  ): Effect.Effect<unknown, FunctionError> => {
    const { body } = fn
    switch (body._tag) {
      case "Broken":
        return Effect.fail(new FunctionError({ code: body.code, message: body.message }))
      case "Handler":
        return handle(actor, fn, body.handler, args)
      case "Source":
        return Effect.suspend(() => ask(actor, fn, body, { values: values.write(args) }, "Value", deadline)).pipe(
          Effect.flatMap((result) =>
            result._tag !== "Done"
              ? Effect.undefined
              : JsonSize.isTooLarge(result.text)
                ? failed(failures.notSendable(`it holds more than ${JsonSize.mostValues} values`))
                : Effect.sync(() => values.read(result.text))
          ),
          Effect.mapError(thrown),
          Effect.catchDefect((defect) => Effect.fail(thrown(defect)))
        )
    }
  }

  /** Interrupts a call at its time limit; the deadline tells the reason. */
  const limited = <A, E>(
    run: (deadline: ExportedFunctions.Deadline) => Effect.Effect<A, E>
  ): Effect.Effect<A, E | FunctionError> =>
    Effect.suspend(() => {
      const deadline = { passed: false }
      const timeIsUp = Effect.suspend(() => {
        deadline.passed = true
        return Effect.fail(timedOut)
      })
      return Effect.raceFirst(run(deadline), Effect.andThen(Effect.sleep(timeLimit), timeIsUp))
    })

  const traced = (caller: Caller, fn: AppFunction) =>
    Effect.withSpan("FunctionRuntime.run", { attributes: { app: caller.app.id, function: fn.name } })

  const run = (caller: Caller, fn: AppFunction, args: ReadonlyArray<unknown>) =>
    limited((deadline) => evaluate(caller, fn, args, deadline)).pipe(traced(caller, fn))

  /** A function called by a client, with decoded arguments if the server needs them. */
  const open = (
    caller: Caller,
    name: string,
    sent: Sent
  ): Effect.Effect<
    { readonly fn: AppFunction; readonly args: ReadonlyArray<unknown> },
    FunctionError | Ejson.EjsonError
  > =>
    Effect.flatMapEager(find(caller.app, name), (fn) => {
      if (fn.private) return Effect.fail(notAllowed(name))
      const { body, gate, runAs } = fn
      const isOpen = gate === undefined || isSystem(caller)
      if (isOpen && body._tag === "Source" && runAs._tag !== "Chosen") return Effect.succeed({ fn, args: [] })
      return Effect.flatMap(Texts.revive(sent.json, sent.document), (args) =>
        Effect.as(access.check(caller, fn, args), { fn, args })
      )
    })

  /** Forwards a client's call to a process, with the text of its arguments. */
  const askFor = (
    caller: Caller,
    fn: AppFunction,
    source: SourceBody,
    args: ReadonlyArray<unknown>,
    sent: Sent,
    kind: AnswerKind
  ) => {
    const document = { document: sent.document }
    const asked =
      fn.runAs._tag === "System" || fn.runAs._tag === "Caller"
        ? Effect.flatMapEager(access.actor(caller, fn, args), (actor) =>
            ask(actor, fn, source, document, kind, undefined)
          )
        : limited((deadline) =>
            Effect.flatMap(access.actor(caller, fn, args), (actor) => ask(actor, fn, source, document, kind, deadline))
          )
    return Effect.withFiber((fiber) =>
      // the native tracer exports no spans, and each costs a stack trace
      fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer ? asked : traced(caller, fn)(asked)
    )
  }

  const call = Effect.fnUntraced(function* (caller: Caller, name: string, sent: Sent) {
    const { args, fn } = yield* open(caller, name, sent)
    const { body } = fn
    if (body._tag !== "Source") {
      const result = yield* run(caller, fn, args)
      return FunctionStream.isStreaming(result) ? yield* failed(failures.aStream) : yield* write(result)
    }
    const result = yield* askFor(caller, fn, body, args, sent, "Text")
    return result._tag === "Done" ? result.text : yield* failed(failures.aStream)
  })

  const stream = Effect.fnUntraced(function* (caller: Caller, name: string, sent: Sent) {
    const { args, fn } = yield* open(caller, name, sent)
    const { body } = fn
    if (body._tag !== "Source") {
      const step = (next: () => unknown) =>
        limited(() => Effect.tryPromise({ try: async () => await next(), catch: thrown }))
      const result = yield* run(caller, fn, args)
      return Stream.mapEffect(FunctionStream.make(result, step, thrown), write)
    }
    const result = yield* askFor(caller, fn, body, args, sent, "Stream")
    if (result._tag === "Done") return Stream.succeed(result.text)
    return Stream.unfold(undefined, () =>
      Effect.map(limited(result.next), (text): readonly [string, undefined] | undefined =>
        text === undefined ? undefined : [text, undefined]
      )
    ).pipe(
      // ending the stream stops the function
      Stream.ensuring(result.close)
    )
  })

  const respond = Effect.fnUntraced(function* (
    caller: Caller,
    fn: AppFunction,
    request: unknown,
    settings: ResponseSettings
  ) {
    const { body } = fn
    if (fn.closed) return yield* notAllowed(fn.name)
    if (body._tag === "Broken") return yield* new FunctionError({ code: body.code, message: body.message })
    if (body._tag === "Handler") return yield* failed("a function in code cannot answer an HTTP request")
    yield* access.check(caller, fn, [request])
    const args = { values: values.write([request, settings]) }
    const result = yield* limited((deadline) =>
      Effect.flatMap(access.actor(caller, fn, [request]), (actor) => ask(actor, fn, body, args, "Response", deadline))
    ).pipe(Effect.mapError(thrown), traced(caller, fn))
    if (result._tag !== "Done") return yield* failed(failures.aStream)
    return yield* Effect.orDie(readResponded(result.text))
  })

  const databaseAs = Effect.fnUntraced(function* (caller: Caller, fn: AppFunction, args: ReadonlyArray<unknown>) {
    if (fn.closed) return yield* notAllowed(fn.name)
    yield* access.check(caller, fn, args)
    return access.databaseOf(yield* access.actor(caller, fn, args), fn)
  })

  const check = (caller: Caller, name: string, sent: Sent) => Effect.asVoid(open(caller, name, sent))

  return FunctionRuntime.of({
    retire: pools.retire,
    call: (caller, name, sent) => measured(caller, call(caller, name, sent)),
    stream: (caller, name, sent) => measured(caller, stream(caller, name, sent)),
    check,
    run: (caller, fn, args) => measured(caller, run(caller, fn, args)),
    execute: (caller, name, args) =>
      measured(
        caller,
        limited(() => execute(caller, name, args))
      ),
    respond: (caller, fn, request, settings) => measured(caller, respond(caller, fn, request, settings)),
    databaseAs,
    databaseOf: access.databaseOfClient
  })
})

const find = (app: App, name: string): Effect.Effect<AppFunction, FunctionError> => {
  const fn = app.functions.get(name)
  if (fn === undefined) return Effect.fail(notFound(name))
  return fn.closed ? Effect.fail(notAllowed(name)) : Effect.succeed(fn)
}

/** Counts and times a call, by its outcome. */
const measured = <A, E extends FunctionError | Ejson.EjsonError>(caller: Caller, call: Effect.Effect<A, E>) =>
  Metrics.timedCall(caller.app.id, call, outcomeOf)

const outcomeOf = (exit: Exit.Exit<unknown, FunctionError | Ejson.EjsonError>): string => {
  if (Exit.isSuccess(exit)) return "success"
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  const failure = Cause.squash(exit.cause)
  if (!(failure instanceof FunctionError)) return failure instanceof Ejson.EjsonError ? "invalid" : "failed"
  switch (failure.code) {
    case "FunctionNotFound":
      return "not_found"
    case "ExecutionTimeLimitExceeded":
      return "timeout"
    default:
      return failure.stopped === true ? "stopped" : "failed"
  }
}

/** The process writes it. */
const readResponded = Schema.decodeEffect(
  Schema.fromJsonString(
    Schema.Struct({
      status: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
      headers: Schema.Array(Schema.Tuple([Schema.String, Schema.String])),
      body: Schema.optionalKey(
        Schema.Union([Schema.Struct({ text: Schema.String }), Schema.Struct({ base64: Schema.String })])
      ),
      result: Schema.optionalKey(Schema.String)
    })
  )
)

type SourceBody = Extract<AppFunction["body"], { readonly _tag: "Source" }>

const failed = (message: string) => Effect.fail(new FunctionError({ code: "FunctionExecutionError", message }))

/** Encodes a result for a client. */
const write = (result: unknown): Effect.Effect<string, FunctionError> =>
  Effect.catch(Texts.write(result), ({ message }) => failed(failures.notSendable(message)))

const timeLimitMillis = (timeLimit: Duration.Duration): number =>
  Math.max(1, Math.min(Duration.toMillis(timeLimit), 2 ** 31 - 1))

const notFound = (name: string) => new FunctionError({ code: "FunctionNotFound", message: failures.notFound(name) })
