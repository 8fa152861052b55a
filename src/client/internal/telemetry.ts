import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"

const refreshCount = Metric.counter("app_services_refreshes_total", {
  description: "Access token refreshes, by outcome",
  incremental: true
})

/** @internal */
export const refreshes = {
  refreshed: Metric.withAttributes(refreshCount, { outcome: "refreshed" }),
  failed: Metric.withAttributes(refreshCount, { outcome: "failed" }),
  expired: Metric.withAttributes(refreshCount, { outcome: "expired" }),
  discarded: Metric.withAttributes(refreshCount, { outcome: "discarded" })
}

/** @internal */
export const refreshDuration = Metric.timer("app_services_refresh_duration", {
  description: "How long a refresh took, its retries included"
})

/** @internal */
export const refreshWaiters = Metric.gauge("app_services_refresh_waiters", {
  description: "Callers waiting for a new access token"
})

/** @internal */
export const sessionsBegun = Metric.counter("app_services_sessions_begun_total", {
  description: "Sessions that began with a login in this process",
  incremental: true
})

/** @internal */
export const liveSessions = Metric.gauge("app_services_sessions", {
  description: "Sessions that began and have not ended in this process"
})

/**
 * Runs an effect in a span if a tracer is installed: the native tracer's spans are not exported, and making them costs a tenth
 * of a function call. The result of the span is redacted, since it may be a secret.
 *
 * @internal
 */
export const traced =
  (name: string, attributes: Record<string, string>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) =>
      fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer
        ? effect
        : Effect.map(
            Effect.withSpan(
              Effect.map(effect, (result) => Redacted.make(result)),
              name,
              { attributes, captureStackTrace: false }
            ),
            Redacted.value
          )
    )

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
