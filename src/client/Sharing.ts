/**
 * What holds for several processes that share the records of a token store: what each remembers and for how long, who
 * refreshes a user, and how changes are heard.
 *
 * For whoever writes `TokenRecords` over an engine that processes share: it goes into `shared.sharing`, as
 * `RedisTokenRecords` and `SqlTokenRecords` do it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { AppTokens } from "./AppTokens.ts"
import * as Notes from "./internal/notes.ts"
import * as SharedUsers from "./internal/sharedUsers.ts"
import * as Views from "./internal/views.ts"
import type { Sharing } from "./TokenRecords.ts"

/**
 * @category constructors
 * @since 0.1.0
 */
export const sharing: Sharing = {
  note: ({ process }, events) => Notes.encode(process, events),
  over: (records, appId, tokens, scope): AppTokens => {
    const views = Effect.runSync(Effect.provideService(Views.make(records.maxAge), Scope.Scope, scope))
    const unsure = new Set<string>()
    const latest: AppTokens["get"] = (userId) => views.through(userId, tokens.get(userId), (user) => user)
    return {
      ...tokens,
      get: (userId) => views.get(userId, tokens.get(userId)),
      modify: (userId, change, options) =>
        Effect.map(
          views.through(
            userId,
            tokens.modify(
              userId,
              (current) => {
                const [result, next] = change(current)
                return [{ result, next }, next]
              },
              { ...options, announce: ({ result }) => options?.announce?.(result) ?? [] }
            ),
            ({ next }) => next
          ),
          ({ result }) => {
            unsure.delete(userId)
            return result
          }
        ).pipe(
          Effect.tapError(() =>
            Effect.sync(() => {
              unsure.add(userId)
              views.doubt(userId)
            })
          )
        ),
      shared: SharedUsers.make(records, appId, views, latest, unsure, scope)
    }
  }
}
