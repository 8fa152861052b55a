import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { AppServicesError, StoreUnavailable, UnknownUser } from "../AppServicesError.ts"
import type { TokenStoreError } from "../TokenRecords.ts"
import type { AppTokens, StoredUser } from "../TokenStore.ts"

/**
 * Turns `TokenStoreError` into `AppServicesError` with the reason `StoreUnavailable`.
 *
 * @internal
 */
export const fromStore =
  (operation: string) =>
  <A>(effect: Effect.Effect<A, TokenStoreError>): Effect.Effect<A, AppServicesError> =>
    Effect.mapError(
      effect,
      (error) =>
        new AppServicesError({
          operation,
          reason: new StoreUnavailable({
            problem: error.message,
            ...(error.cause !== undefined && { cause: error.cause })
          })
        })
    )

/**
 * A user of the token store; fails with `UnknownUser`.
 *
 * @internal
 */
export const getUser = (
  tokens: Pick<AppTokens, "get">,
  operation: string,
  userId: string
): Effect.Effect<StoredUser, AppServicesError> =>
  Effect.flatMap(fromStore(operation)(tokens.get(userId)), (user) =>
    Option.isSome(user)
      ? Effect.succeed(user.value)
      : Effect.fail(new AppServicesError({ operation, reason: new UnknownUser({ userId }) }))
  )
