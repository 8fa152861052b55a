import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as SharedChanges from "../../client/internal/sharedChanges.ts"
import type { AppTokens, SharedUsers } from "../../client/TokenStore.ts"
import type { UserEventPayload } from "../../client/UserEvents.ts"
import { inPage, page } from "./page.ts"
import type { StorageChange } from "./page.ts"

/** For how long a tab waits for another one's refresh, in milliseconds; then it refreshes by itself. */
const lockDeadline = 10_000

/**
 * How the tabs of an origin coordinate: one refreshes a user for all of them, and a change by one is an event in the others.
 *
 * @internal
 */
export interface Tabs {
  /** Tells the other tabs of a change. */
  readonly announce: (appId: string, userId: string, events: ReadonlyArray<UserEventPayload>) => void
  readonly sharing: (appId: string, read: AppTokens["get"]) => SharedUsers
}

/** A way to the other tabs. */
interface Channel {
  readonly send: (text: string) => void
  readonly close: () => void
}

const name = "effect-app-services"

const Notice = Schema.fromJsonString(
  Schema.Struct({ appId: Schema.String, userId: Schema.String, note: Schema.String })
)
const encodeNotice = Schema.encodeSync(Notice)
const decodeNotice = Schema.decodeUnknownOption(Notice)

type Hear = (appId: string, userId: string, note: string) => void

/**
 * Connects to the other tabs: by the event of a change of `localStorage` where the sessions are, which follows the change that
 * it tells of, where a message of a channel may arrive before it. Otherwise, or where the storage is full, by a channel.
 */
const connect = (hear: (text: unknown) => void, isStored: boolean): Channel => {
  const channel = page.BroadcastChannel && new page.BroadcastChannel(name)
  channel?.addEventListener("message", ({ data }) => hear(data))
  const onStorage = (event: StorageChange) => {
    if (event.key === name && event.newValue !== null) hear(event.newValue.slice(event.newValue.indexOf("{")))
  }
  let serial = 0
  page.addEventListener("storage", onStorage)
  return {
    send: (text) => {
      try {
        if (isStored || channel === undefined) {
          // the same text twice would be no change
          page.localStorage.setItem(name, `${++serial}${text}`)
          return page.localStorage.removeItem(name)
        }
      } catch {
        // storage that is full or blocked
      }
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has one origin
      channel?.postMessage(text)
    },
    close: () => {
      channel?.close()
      page.removeEventListener("storage", onStorage)
    }
  }
}

/**
 * Runs some work while no other tab runs work of the same name: at once where the browser has no locks, and after the
 * deadline even if another tab still has the lock, because it sleeps.
 */
const locked = <A, E>(lock: string, work: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  const locks = page.navigator?.locks
  if (locks === undefined) return work
  const acquire = Effect.callback<() => void>((resume) => {
    const waiting = new AbortController()
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    // @effect-diagnostics-next-line globalTimersInEffect:off -- of the browser, like the lock
    const timer = setTimeout(() => waiting.abort(), lockDeadline)
    locks
      .request(lock, { signal: waiting.signal }, () => {
        clearTimeout(timer)
        resume(Effect.succeed(release))
        return held
      })
      // the deadline, or a page that may not use locks
      .catch(() => resume(Effect.succeed(release)))
    return Effect.sync(() => {
      clearTimeout(timer)
      waiting.abort()
      release()
    })
  })
  return Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(restore(acquire), (release) => Effect.ensuring(restore(work), Effect.sync(release)))
  )
}

/**
 * The other tabs of a page, and its workers; undefined elsewhere, where a channel would keep the program from ending. The
 * sessions are in `localStorage`, or else in IndexedDB, which workers have, too.
 *
 * @internal
 */
export const make = (isStored: boolean): Effect.Effect<Tabs | undefined, never, Scope.Scope> =>
  Effect.suspend(() => (inPage() || page.indexedDB !== undefined ? connected(isStored) : Effect.succeed(undefined)))

const connected = Effect.fnUntraced(function* (isStored: boolean): Effect.fn.Return<Tabs, never, Scope.Scope> {
  const hearers = new Set<Hear>()
  const channel = yield* Effect.acquireRelease(
    Effect.sync(() =>
      connect((text) => {
        const notice = decodeNotice(text)
        if (Option.isNone(notice)) return
        const { appId, note, userId } = notice.value
        for (const hear of hearers) hear(appId, userId, note)
      }, isStored)
    ),
    (channel) => Effect.sync(channel.close)
  )
  return {
    announce: (appId, userId, events) => {
      if (events.length > 0) channel.send(encodeNotice({ appId, userId, note: SharedChanges.encode("tab", events) }))
    },
    sharing: (appId, read) => ({
      latest: read,
      exclusively: (userId, look, work) =>
        Effect.flatMap(look, (seen) =>
          Result.isSuccess(seen)
            ? Effect.succeed(seen.success)
            : locked(
                `${name}:${appId}:${userId}`,
                Effect.flatMap(look, (now) => (Result.isSuccess(now) ? Effect.succeed(now.success) : work(now.failure)))
              )
        ),
      listen: (hear) =>
        Effect.acquireRelease(
          Effect.contextWith((context: Context.Context<never>) =>
            Effect.sync(() => {
              const onNotice: Hear = (ofApp, userId, note) => {
                if (ofApp !== appId) return
                const heard = Effect.flatMap(Effect.orElseSucceed(read(userId), Option.none), (user) =>
                  hear({
                    userId,
                    events: SharedChanges.decode(note).events.flatMap((event) => SharedChanges.toEvent(event, user))
                  })
                )
                Effect.runForkWith(context)(heard)
              }
              hearers.add(onNotice)
              return onNotice
            })
          ),
          (onNotice) => Effect.sync(() => hearers.delete(onNotice))
        )
    })
  }
})
