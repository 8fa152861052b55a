/** The realms of a process: each call has one to itself until it is over, so that no call sees what another one left. */
import type { Realm } from "./realm.ts"

/** How many calls may be under way at the same time: each needs some 450 KB for the objects of its realm. */
export const most = 500

/** How many realms are kept for later calls. */
const kept = 32

/** How many realms are made ahead of calls, since making one takes some milliseconds, and longer with packages. */
const ahead = 2

/** What has a realm. */
interface HasRealm {
  readonly realm: Pick<Realm, "isPristine" | "pending">
}

export interface Realms<R> {
  /** One that no other call has; nothing where too many are under way. */
  readonly take: () => R | undefined
  /**
   * Gives back the realm of a call that is over, once what the call left in the queue of microtasks has run. It is used
   * again unless the call changed it; where something of the call still goes on, not before that has come to its end.
   */
  readonly release: (realm: R) => void
  /** Says that a realm goes with its call, whose function may still run in it. */
  readonly drop: () => void
  /** Says that what a released realm waited for has come. */
  readonly settled: (realm: R) => void
  /** Whether a realm should be made ahead of the next call. */
  readonly isShort: () => boolean
  /** Makes one. */
  readonly prepare: () => void
}

export const make = <R extends HasRealm>(makeRealm: () => R): Realms<R> => {
  const idle: Array<R> = []
  /** Those of calls that are over, which nobody has looked at. */
  const released: Array<R> = []
  /** Those of calls that are over, of which something goes on. */
  const waiting = new Set<R>()
  let taken = 0

  const look = (it: R): void => {
    if (it.realm.pending() > 0) {
      if (waiting.size < kept) waiting.add(it)
    } else if (idle.length < kept && it.realm.isPristine()) idle.push(it)
  }
  const lookAtAll = (): void => {
    for (const it of released.splice(0)) look(it)
  }

  return {
    take: () => {
      if (taken === most) return undefined
      taken++
      lookAtAll()
      return idle.pop() ?? makeRealm()
    },
    release: (realm) => {
      taken--
      released.push(realm)
    },
    drop: () => {
      taken--
    },
    settled: (realm) => {
      if (waiting.delete(realm)) released.push(realm)
    },
    isShort: () => idle.length + released.length < ahead,
    prepare: () => {
      lookAtAll()
      if (idle.length < ahead) idle.push(makeRealm())
    }
  }
}
