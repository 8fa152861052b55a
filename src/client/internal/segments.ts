import * as Effect from "effect/Effect"
import { segmentProblem } from "../../protocol/Routes.ts"
import { AppServicesError, InvalidArguments } from "../AppServicesError.ts"

/**
 * Refuses an id or a name that would lead a request to another path.
 *
 * @internal
 */
export const checkSegment = (operation: string, what: string, value: string): Effect.Effect<void, AppServicesError> => {
  const problem = segmentProblem(value)
  return problem === undefined
    ? Effect.void
    : Effect.fail(
        new AppServicesError({ operation, reason: new InvalidArguments({ problem: `${what} is no name: ${problem}` }) })
      )
}
