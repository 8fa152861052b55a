/**
 * Calls the functions of an application, written in code or exported.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { format } from "node:util"
import type { App, AppFunction, Handler } from "../App.ts"
import * as Collection from "../data/Collection.ts"
import { Database, type DatabaseError } from "../data/Database.ts"
import { State } from "../users/State.ts"
import { type Actor, type Caller, make as makeAccess, notAllowed } from "./FunctionAccess.ts"
import { FunctionContext, FunctionError } from "./FunctionContext.ts"
import * as FunctionHttp from "./FunctionHttp.ts"
import * as FunctionRealm from "./FunctionRealm.ts"
import * as FunctionStream from "./FunctionStream.ts"
import * as FunctionSessions from "./FunctionSessions.ts"
import * as FunctionServices from "./FunctionServices.ts"
import { copy } from "../data/internal/bson.ts"

export type {
  /**
   * One call, and who makes it.
   *
   * @category models
   * @since 0.1.0
   */
  Caller
} from "./FunctionAccess.ts"

/**
 * Runs functions.
 *
 * @category services
 * @since 0.1.0
 */
export class FunctionRuntime extends Context.Service<
  FunctionRuntime,
  {
    /** Calls a function on behalf of a client: not a private one, nor one that a rule closes. */
    readonly call: (caller: Caller, name: string, args: ReadonlyArray<unknown>) => Effect.Effect<unknown, FunctionError>
    /** Calls a function on behalf of a client, and answers with what it yields, one value after the other. */
    readonly stream: (
      caller: Caller,
      name: string,
      args: ReadonlyArray<unknown>
    ) => Effect.Effect<Stream.Stream<unknown, FunctionError>, FunctionError>
    /** Runs a function on behalf of the server itself. */
    readonly run: (
      caller: Caller,
      fn: AppFunction,
      args: ReadonlyArray<unknown>
    ) => Effect.Effect<unknown, FunctionError>
    /** The database as who calls may use it, without any function. */
    readonly databaseOf: (caller: Caller) => Database["Service"]
  }
>()("effect-app-services/server/functions/FunctionRuntime") {
  /** A call may take 90 seconds unless told otherwise. */
  static readonly layer = (options?: {
    readonly timeLimit?: Duration.Input | undefined
  }): Layer.Layer<FunctionRuntime, never, Database | State> =>
    Layer.effect(FunctionRuntime, make(Duration.fromInputUnsafe(options?.timeLimit ?? "90 seconds")))
}

const make = Effect.fnUntraced(function* (timeLimit: Duration.Duration) {
  const database = yield* Database
  const state = yield* State
  const realms = new Map<App, FunctionRealm.FunctionRealm>()
  yield* Effect.addFinalizer(() => Effect.sync(() => realms.forEach((realm) => realm.close())))

  const realmOf = (app: App, services: Context.Context<never>): FunctionRealm.FunctionRealm => {
    let realm = realms.get(app)
    if (realm === undefined) {
      realm = FunctionRealm.make(app.root, (reason) => {
        const warning = Effect.logWarning("an error of a function that no call waits for", describe(reason))
        Effect.runForkWith(services)(Effect.annotateLogs(warning, { app: app.id }))
      })
      realms.set(app, realm)
    }
    return realm
  }

  const find = (app: App, name: string): Effect.Effect<AppFunction, FunctionError> => {
    const fn = app.functions.get(name)
    return fn === undefined
      ? Effect.fail(notFound(name))
      : fn.closed
        ? Effect.fail(notAllowed(name))
        : Effect.succeed(fn)
  }

  const evaluate = (
    caller: Caller,
    fn: AppFunction,
    args: ReadonlyArray<unknown>
  ): Effect.Effect<unknown, FunctionError> =>
    Effect.flatMap(access.actor(caller, fn, args), (actor) => evaluateAs(actor, fn, args))

  const access = makeAccess(database, state, evaluate)

  /** Calls a function on behalf of another one. */
  const execute = (caller: Caller, name: string, args: ReadonlyArray<unknown>) =>
    Effect.gen(function* () {
      const fn = yield* find(caller.app, name)
      yield* access.check(caller, fn, args)
      return yield* evaluate(caller, fn, args)
    })

  const evaluateAs = (
    actor: Actor,
    fn: AppFunction,
    args: ReadonlyArray<unknown>
  ): Effect.Effect<unknown, FunctionError> => {
    const { caller } = actor
    const { body } = fn
    switch (body._tag) {
      case "Broken":
        return Effect.fail(new FunctionError({ code: body.code, message: body.message }))
      case "Handler":
        return runHandler(body.handler, args, {
          appId: caller.app.id,
          user: caller.user,
          request: caller.request,
          value: (name) => caller.app.values.get(name),
          environment: caller.app.environment,
          runningAsSystem: actor.isSystem,
          collection: (name, collection, service = "mongodb-atlas") =>
            Collection.make(access.databaseOf(actor, fn), {
              appId: caller.app.id,
              service,
              database: name,
              collection
            }),
          execute: (name, ...args) => Effect.map(execute(caller, name, args), copy)
        })
      case "Source":
        return Effect.gen(function* () {
          const services = yield* Effect.context<never>()
          const realm = realmOf(caller.app, services)
          const invoke = invoker(realm, services, yield* Effect.scope)
          return yield* Effect.tryPromise({
            try: async () => await invoke(actor, fn, body, args.map(realm.copyIn)),
            catch: thrown
          })
        }).pipe(Effect.scoped)
    }
  }

  /** Source functions call each other directly, within the realm: a synchronous one has its result at once. */
  const invoker = (realm: FunctionRealm.FunctionRealm, services: Context.Context<never>, scope: Scope.Scope) => {
    const runPromise = <A, E>(effect: Effect.Effect<A, E>) => realm.promise(Effect.runPromiseWith(services)(effect))
    const executeFor =
      ({ caller }: Actor) =>
      (name: string, ...args: ReadonlyArray<unknown>): unknown => {
        const fn = caller.app.functions.get(name)
        if (fn?.body._tag === "Source") {
          // what goes from one function to another stays as it is, unless a rule has to read it
          const next = access.immediately(caller, fn, fn.gate === undefined ? [] : args.map(copy))
          if (next !== undefined) return invoke(next, fn, fn.body, args)
        }
        return runPromise(
          Effect.mapBoth(execute(caller, name, args.map(copy)), {
            onSuccess: realm.copyIn,
            onFailure: (error) => realm.error(error.message)
          })
        )
      }
    const http = FunctionHttp.make({ ...realm, timeoutMillis: timeLimitMillis(timeLimit) })
    const invoke = (
      actor: Actor,
      fn: AppFunction,
      body: { readonly text: string; readonly file: string },
      args: ReadonlyArray<unknown>
    ): unknown => {
      const database = access.databaseOf(actor, fn)
      const documents = {
        collections: database.collections,
        transactions: FunctionSessions.make(database, scope)
      }
      return realm.invoke(body, args, {
        context: sourceContext(realm, actor, executeFor(actor), runPromise, documents, http),
        console: consoleOf(services, actor.caller.app.id, fn.name),
        timeoutMillis: timeLimitMillis(timeLimit)
      })
    }
    return invoke
  }

  const run = (caller: Caller, fn: AppFunction, args: ReadonlyArray<unknown>) =>
    evaluate(caller, fn, args).pipe(
      Effect.timeoutOrElse({ duration: timeLimit, orElse: () => Effect.fail(timedOut) }),
      Effect.withSpan("FunctionRuntime.run", { attributes: { app: caller.app.id, function: fn.name } })
    )

  const findPublic = Effect.fnUntraced(function* (caller: Caller, name: string, args: ReadonlyArray<unknown>) {
    const fn = yield* find(caller.app, name)
    if (fn.private) return yield* notAllowed(name)
    yield* access.check(caller, fn, args)
    return fn
  })

  /** A step of what a function yields; it may take as long as a call may. */
  const step = (caller: Caller, fn: AppFunction) => (next: () => unknown) => {
    const guard = fn.body._tag === "Source" ? realms.get(caller.app)?.guard : undefined
    const millis = timeLimitMillis(timeLimit)
    return Effect.tryPromise({
      try: async () => await (guard === undefined ? next() : guard(next, millis)),
      catch: thrown
    }).pipe(Effect.timeoutOrElse({ duration: timeLimit, orElse: () => Effect.fail(timedOut) }))
  }

  return FunctionRuntime.of({
    call: Effect.fn("FunctionRuntime.call")(function* (caller: Caller, name: string, args: ReadonlyArray<unknown>) {
      return yield* run(caller, yield* findPublic(caller, name, args), args)
    }),
    stream: Effect.fn("FunctionRuntime.stream")(function* (caller: Caller, name: string, args: ReadonlyArray<unknown>) {
      const fn = yield* findPublic(caller, name, args)
      return FunctionStream.make(yield* run(caller, fn, args), step(caller, fn), thrown)
    }),
    run,
    databaseOf: access.databaseOfClient
  })
})

const timeLimitMillis = (timeLimit: Duration.Duration): number =>
  Math.max(1, Math.min(Duration.toMillis(timeLimit), 2 ** 31 - 1))

const notFound = (name: string) =>
  new FunctionError({ code: "FunctionNotFound", message: `function not found: '${name}'` })

const timedOut = new FunctionError({ code: "ExecutionTimeLimitExceeded", message: "execution time limit exceeded" })

const isThenable = (u: unknown): u is PromiseLike<unknown> =>
  typeof u === "object" && u !== null && "then" in u && typeof u.then === "function"

/** What a function may require is checked where an application is defined. */
const isHandlerEffect = (u: unknown): u is Effect.Effect<unknown, unknown, FunctionContext> => Effect.isEffect(u)

const isHandlerStream = (u: unknown): u is Stream.Stream<unknown, unknown, FunctionContext> => Stream.isStream(u)

const runHandler = (handler: Handler, args: ReadonlyArray<unknown>, context: FunctionContext["Service"]) =>
  Effect.suspend((): Effect.Effect<unknown, FunctionError, FunctionContext> => {
    const result: unknown = Reflect.apply(handler, undefined, args)
    // @effect-diagnostics-next-line anyUnknownInErrorContext:off -- a handler may fail with anything
    if (isHandlerEffect(result)) return Effect.mapError(result, thrown)
    return isThenable(result) ? Effect.tryPromise({ try: () => result, catch: thrown }) : Effect.succeed(result)
  }).pipe(
    Effect.map((result) =>
      isHandlerStream(result) ? Stream.provideService(result, FunctionContext, context) : result
    ),
    Effect.provideService(FunctionContext, context),
    Effect.catchDefect((defect) => Effect.fail(thrown(defect))),
    // that of the caller is not seen here: a function that interrupts itself has failed like any other
    Effect.catchCauseIf(Cause.hasInterruptsOnly, () => Effect.fail(thrown("the function was interrupted")))
  )

const thrown = (cause: unknown): FunctionError => {
  // what a function throws may itself throw when it is looked at
  try {
    if (cause instanceof FunctionError) return cause
    // an error of the realm is no instance of this one's Error
    const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
    if (code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return timedOut
    return new FunctionError({ code: "FunctionExecutionError", message: describe(cause) })
  } catch {
    return new FunctionError({ code: "FunctionExecutionError", message: noText })
  }
}

const noText = "the function threw a value that has no text"

/**
 * What the client reads of an exception: `String(exception)`, or JSON where that would say nothing. The hosted service's
 * engine put the name that it did not know in quotes.
 */
const describe = (cause: unknown): string => {
  try {
    const text = String(cause)
    return text.startsWith("[object ")
      ? (JSON.stringify(cause) ?? text)
      : text.replace(/^ReferenceError: ([^\s']+) is not defined$/, "ReferenceError: '$1' is not defined")
  } catch {
    return noText
  }
}

const consoleOf = (services: Context.Context<never>, app: string, name: string) => {
  const print =
    (log: (text: string) => Effect.Effect<void>) =>
    (...args: ReadonlyArray<unknown>) => {
      Effect.runForkWith(services)(Effect.annotateLogs(log(format(...args)), { app, function: name }))
    }
  const info = print(Effect.logInfo)
  return {
    log: info,
    info,
    dir: info,
    debug: print(Effect.logDebug),
    warn: print(Effect.logWarning),
    error: print(Effect.logError)
  }
}

/** The global `context` of a source function. */
const sourceContext = (
  realm: FunctionRealm.FunctionRealm,
  { caller: { app, request, user }, isSystem }: Actor,
  execute: (name: string, ...args: ReadonlyArray<unknown>) => unknown,
  runPromise: <A, E>(effect: Effect.Effect<A, E>) => PromiseLike<unknown>,
  documents: {
    readonly collections: Database["Service"]["collections"]
    readonly transactions: FunctionSessions.FunctionSessions
  },
  http: object
): object => {
  const onFailure = ({ code, labels = [], message }: DatabaseError) =>
    Object.assign(
      realm.error(message),
      {
        name: "MongoError",
        errorLabels: realm.copyIn(labels),
        hasErrorLabel: (label: string) => labels.includes(label)
      },
      code !== undefined && { code }
    )
  const value = (name: string): unknown => {
    const found = app.values.get(name)
    return realm.copyIn(Redacted.isRedacted(found) ? Redacted.value(found) : found)
  }
  const mongodb = FunctionServices.make(
    {
      realm,
      ...documents,
      run: (effect) => runPromise(Effect.mapBoth(effect, { onSuccess: realm.copyIn, onFailure }))
    },
    app.id
  )
  const serviceOf = (name: string): unknown => {
    const type = app.services.get(name)
    if (type === undefined) return mongodb.get(name)
    return type === "http"
      ? FunctionRealm.unsupported(`services.get("${name}")`, realm.error, http)
      : FunctionRealm.unsupported(`services of type "${type}": services.get("${name}")`, realm.error)
  }
  return FunctionRealm.unsupported("context", realm.error, {
    app: { id: app.id, clientAppId: app.id, deployment: realm.copyIn(app.deployment) },
    user: realm.copyIn({
      id: user.id,
      type: user.type,
      data: user.data,
      custom_data: user.customData,
      identities: user.identities.map(({ id, providerType }) => ({ id, provider_type: providerType }))
    }),
    request: realm.copyIn(request ?? {}),
    functions: { execute },
    values: { get: value },
    environment: { tag: app.environment.tag, values: realm.copyIn(Object.fromEntries(app.environment.values)) },
    runningAsSystem: () => isSystem,
    http: FunctionRealm.unsupported("context.http", realm.error, http),
    services: { get: (name: string) => serviceOf(name) }
  })
}
