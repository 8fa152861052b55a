/**
 * What of a call may go on after it. A realm that waits for something is not used for another call before that has come,
 * and never where what goes on cannot be seen.
 */
import { host } from "./host.ts"

let count = 0
let spent = false
let calls = 0
let rare = false

/** Whether the realm serves calls, and is not being made any more. */
export const isServing = (): boolean => calls > 0

/** Says that the realm waits for something, until what is answered is called. */
export const pending = (): (() => void) => {
  // what a package begins as it loads belongs to the realm, and to no call
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

/** Says that what a call did may go on unseen. What happens before the first call is not of any. */
export const spend = (): void => {
  if (calls > 0) spent = true
}

export const isSpent = (): boolean => spent

export const beginCall = (): void => {
  calls++
}

/** Says that a call uses what calls seldom do, so that the realm has to be looked at more closely. */
export const useRare = (): void => {
  rare = true
}

/** Whether that was said since this was last asked. */
export const hasUsedRare = (): boolean => {
  const was = rare
  rare = false
  return was
}

/** Waits for a promise of the host, which nothing of the realm can keep from telling. */
export const follow = <A>(promise: PromiseLike<A>): PromiseLike<A> => {
  const done = pending()
  promise.then(done, done)
  return promise
}
