/** The pool of realms of a process: each call has a realm of its own, so that it does not see what another one left. */
import type { Realm } from "./realm.ts"

/** The maximum number of concurrent calls: each realm needs about 450 KB. */
export const most = 500

/** The maximum number of idle realms. */
const kept = 32

/** The number of realms created in advance, since creating one takes some milliseconds, and more with packages. */
const ahead = 2

/** An owner of a realm. */
interface HasRealm {
  readonly realm: Pick<Realm, "isPristine" | "pending">
}

export interface Realms<R> {
  /** An unused realm; `undefined` if too many calls are in progress. */
  readonly take: () => R | undefined
  /**
   * Releases the realm of a finished call, after its microtasks have run. It is reused unless the call changed it, and
   * not before pending activity of the call has ended.
   */
  readonly release: (realm: R) => void
  /** Discards a realm together with its call, whose function may still run in it. */
  readonly drop: () => void
  /** Notes that the pending activity of a released realm has ended. */
  readonly settled: (realm: R) => void
  /** Whether a realm should be created in advance. */
  readonly isShort: () => boolean
  /** Creates a realm. */
  readonly prepare: () => void
}

/** The look may run what a call has put in the place of a property, and that may throw. */
const isPristine = ({ realm }: HasRealm): boolean => {
  try {
    return realm.isPristine()
  } catch {
    return false
  }
}

export const make = <R extends HasRealm>(makeRealm: () => R): Realms<R> => {
  const idle: Array<R> = []
  /** Realms of finished calls that are not checked yet. */
  const released: Array<R> = []
  /** Realms of finished calls with pending activity. */
  const waiting = new Set<R>()
  let taken = 0

  const look = (it: R): void => {
    if (it.realm.pending() > 0) {
      if (waiting.size < kept) waiting.add(it)
    } else if (idle.length < kept && isPristine(it)) idle.push(it)
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
