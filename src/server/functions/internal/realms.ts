/** The realms of a process: each call has one to itself until it is over, so that no call sees what another one left. */
import type { FunctionRealm } from "../FunctionRealm.ts"

/** How many calls may be under way at the same time: each needs some 160 KB for the objects of its realm. */
export const most = 1_000

/** How many realms are kept for later calls, since making one takes a millisecond. */
const kept = 32

export interface Realms {
  /** A realm that no other call has; nothing where too many are under way. */
  readonly take: () => FunctionRealm | undefined
  /** Gives back the realm of a call that is over. */
  readonly release: (realm: FunctionRealm) => void
  /** Says that a realm goes with its call, whose function may still run in it. */
  readonly drop: () => void
}

export const make = (makeRealm: () => FunctionRealm): Realms => {
  const idle: Array<FunctionRealm> = []
  let taken = 0
  return {
    take: () => {
      if (taken === most) return undefined
      taken++
      return idle.pop() ?? makeRealm()
    },
    release: (realm) => {
      taken--
      if (idle.length < kept && realm.clean()) idle.push(realm)
    },
    drop: () => {
      taken--
    }
  }
}
