import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
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
  description: "Callers that wait for a new access token"
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
 * Runs an effect in a span, where a tracer was installed: nobody sees the spans of the native one, and making them costs
 * a tenth of a function call.
 *
 * @internal
 */
export const traced =
  (name: string, attributes: Record<string, string>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) =>
      fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer
        ? effect
        : Effect.withSpan(effect, name, { attributes, captureStackTrace: false })
    )
