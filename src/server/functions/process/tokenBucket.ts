/** A token bucket that reports rejected requests. */

export interface TokenBucket {
  /** Takes a token; `false` if there is none. */
  readonly take: () => boolean
}

/** Holds `limit` tokens, refilled at `perSecond`. `onMissed` receives, a second later, the number of rejected requests. */
export const make = (
  { limit, perSecond }: { readonly limit: number; readonly perSecond: number },
  onMissed: (count: number) => void
): TokenBucket => {
  let tokens = limit
  let missed = 0
  let last = performance.now()
  return {
    take: () => {
      const now = performance.now()
      tokens = Math.min(limit, tokens + ((now - last) / 1_000) * perSecond)
      last = now
      if (tokens >= 1) {
        tokens--
        return true
      }
      if (missed++ === 0) {
        // @effect-diagnostics-next-line globalTimers:off -- it runs in the process of the functions, without Effect
        setTimeout(() => {
          onMissed(missed)
          missed = 0
        }, 1_000)
      }
      return false
    }
  }
}
