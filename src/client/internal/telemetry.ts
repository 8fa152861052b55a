import * as Metric from "effect/Metric"

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
