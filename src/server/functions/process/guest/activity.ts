/**
 * Activity that may outlive its call. A realm with pending activity is not reused before it has ended, and never if its
 * end cannot be observed.
 */
import { host } from "./host.ts"

let count = 0
let spent = false
let calls = 0
let rare = false

/** Whether the realm serves calls, and is no longer being created. */
export const isServing = (): boolean => calls > 0

/** Marks an activity of the realm as pending until the returned function is called. */
export const pending = (): (() => void) => {
  // activity of a package while it loads belongs to the realm, not to a call
  let waiting = isServing()
  if (!waiting) return () => {}
  count++
  return () => {
    if (!waiting) return
    waiting = false
    count--
    if (count === 0) host.port.settled()
  }
}

export const pendingCount = (): number => count

/** Notes that activity of a call may go on unobserved. Activity before the first call is ignored. */
export const spend = (): void => {
  if (calls > 0) spent = true
}

export const isSpent = (): boolean => spent

export const beginCall = (): void => {
  calls++
}

/** Notes that a call uses something rare, so that the realm has to be compared more closely. */
export const useRare = (): void => {
  rare = true
}

/** Whether that was noted since the last call of this function. */
export const hasUsedRare = (): boolean => {
  const was = rare
  rare = false
  return was
}

/** Awaits a promise of the host, independently of what the realm has changed. */
export const follow = <A>(promise: PromiseLike<A>): PromiseLike<A> => {
  const done = pending()
  promise.then(done, done)
  return promise
}
