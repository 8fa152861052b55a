import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { AppTokens, SharedUsers } from "../TokenStore.ts"

/**
 * The coordination of a process that does not share its store: none is needed.
 *
 * @internal
 */
export const alone = ({ get }: AppTokens): Pick<SharedUsers, "latest" | "exclusively"> => ({
  latest: get,
  exclusively: (_, look, work) =>
    Effect.flatMap(look, (seen) => (Result.isSuccess(seen) ? Effect.succeed(seen.success) : work(seen.failure)))
})
