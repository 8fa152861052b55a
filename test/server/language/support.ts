import { assert } from "@effect/vitest"
import { LanguageError } from "../../../src/server/language/LanguageError.ts"

/** The error with which something is refused. */
export const refusal = (run: () => unknown): LanguageError => {
  try {
    run()
  } catch (error) {
    if (error instanceof LanguageError) return error
    throw error
  }
  return assert.fail("nothing was refused")
}
