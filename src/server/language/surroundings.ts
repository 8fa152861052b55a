/** What a filter, a projection or a sort order is compiled in, and what its expressions are evaluated in. */
import type { Environment } from "./Environment.ts"
import { type Frame, frameOf, type Scope, scopeOf } from "./expressions/Frame.ts"
import { unsupported } from "./LanguageError.ts"

/** What expressions may use. */
export interface Surroundings {
  readonly environment?: Environment | undefined
  /** The variables that are bound where it stands; by default those of the environment. */
  readonly scope?: Scope | undefined
}

/** The variables that expressions may use. */
export const scopeIn = ({ environment, scope }: Surroundings): Scope => scope ?? scopeOf(environment)

/** What expressions are evaluated in, where the caller has no frame of a pipeline. */
export const frameIn = ({ environment }: Surroundings): Frame =>
  environment === undefined
    ? {
        root: undefined,
        slots: [],
        get environment(): Environment {
          return unsupported("what is asked of the world around", "there is no environment here")
        }
      }
    : frameOf(environment)
