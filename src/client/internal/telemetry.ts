import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { AppServicesError } from "../AppServicesError.ts"

/** A counter for each outcome, made when the first one is counted. */
const byOutcome = (name: string, description: string) => {
  const counters = new Map<string, Metric.Metric<number, unknown>>()
  return (outcome: string): Metric.Metric<number, unknown> => {
    const present =
      counters.get(outcome) ?? Metric.counter(name, { description, incremental: true, attributes: { outcome } })
    counters.set(outcome, present)
    return present
  }
}

const refreshes = byOutcome("app_services_refreshes_total", "Access token refreshes")

/** @internal */
export const countRefresh = (outcome: "refreshed" | "failed" | "expired" | "discarded"): Effect.Effect<void> =>
  Metric.update(refreshes(outcome), 1)

const calls = byOutcome("app_services_calls_total", "Calls of functions and collections")

const callDuration = Metric.timer("app_services_call_duration", { description: "How long a call took" })

/** @internal */
export const refreshDuration = Metric.timer("app_services_refresh_duration", {
  description: "How long a refresh took, with retries"
})

/** @internal */
export const refreshWaiters = Metric.gauge("app_services_refresh_waiters", {
  description: "Callers waiting for a new access token"
})

/** @internal */
export const sessionsBegun = Metric.counter("app_services_sessions_begun_total", {
  description: "Logins in this process",
  incremental: true
})

/** @internal */
export const liveSessions = Metric.gauge("app_services_sessions", {
  description: "Sessions begun and not ended in this process"
})

/** Tracing if a tracer is installed: the native tracer's spans are not exported, and cost a tenth of a function call. */
const traced = <A, E, R>(effect: Effect.Effect<A, E, R>, name: string, attributes: Record<string, string>) =>
  Effect.withFiber<A, E, R>((fiber) =>
    fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer
      ? effect
      : Effect.map(
          Effect.withSpan(
            // it may be a secret
            Effect.map(effect, (result) => Redacted.make(result)),
            name,
            { attributes, captureStackTrace: false }
          ),
          Redacted.value
        )
  )

const outcomeOf = (exit: Exit.Exit<unknown, AppServicesError>): string =>
  Exit.isSuccess(exit)
    ? "success"
    : Option.match(Exit.findErrorOption(exit), { onNone: () => "interrupted", onSome: ({ reason }) => reason._tag })

/**
 * Counts and times a call, and runs it in a span if a tracer is installed. The span does not show the result.
 *
 * @internal
 */
export const observed =
  (name: string, attributes: Record<string, string>) =>
  <A, R>(effect: Effect.Effect<A, AppServicesError, R>): Effect.Effect<A, AppServicesError, R> =>
    Effect.withFiber((fiber) => {
      const { context } = fiber
      const clock = fiber.getRef(Clock.Clock)
      const start = clock.monotonicTimeNanosUnsafe()
      return Effect.onExitPrimitive(traced(effect, name, attributes), (exit) => {
        callDuration.updateUnsafe(Duration.nanos(clock.monotonicTimeNanosUnsafe() - start), context)
        calls(outcomeOf(exit)).updateUnsafe(1, context)
        return undefined
      })
    })

/** The exit of a request without request and answer, which a tracer could read headers and bodies from. */
const withoutValues = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> => {
  if (Exit.isSuccess(exit)) return Exit.void
  const error = Cause.squash(exit.cause)
  return Cause.hasInterruptsOnly(exit.cause) || !(error instanceof Error) ? exit : Exit.fail(error.message)
}

const hidingTracers = new WeakMap<Tracer.Tracer, Tracer.Tracer>()

const hidingValues = (tracer: Tracer.Tracer): Tracer.Tracer => {
  const present = hidingTracers.get(tracer)
  if (present !== undefined) return present
  const hiding: Tracer.Tracer = {
    ...(tracer.context !== undefined && { context: tracer.context.bind(tracer) }),
    span: (options) => {
      const span = tracer.span(options)
      const end = span.end.bind(span)
      const value: Tracer.Span["end"] = (endTime, exit) => end(endTime, withoutValues(exit))
      // a frozen span stays unchanged
      Reflect.set(span, "end", value)
      return span
    }
  }
  hidingTracers.set(tracer, hiding)
  return hiding
}

/**
 * Removes the result from the spans of the transport: `HttpClient` ends its span with the whole request and answer.
 *
 * @internal
 */
export const withoutSpanValues = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const tracer = fiber.getRef(Tracer.Tracer)
    return tracer === Tracer.nativeTracer ? effect : Effect.withTracer(effect, hidingValues(tracer))
  })
