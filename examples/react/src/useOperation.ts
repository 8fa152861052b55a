import { MongoDBRealmError } from "effect-app-services/promise"
import { useState } from "react"

interface Outcome<A> {
  readonly pending: boolean
  readonly value?: A
  /** What to show where the operation failed: what the host said, or else why there is no answer. */
  readonly problem?: string
}

/** An operation of a component, such as a login or the call of a function: how to run it, and what came of it. */
export const useOperation = <Args extends ReadonlyArray<unknown>, A>(operation: (...args: Args) => Promise<A>) => {
  const [outcome, setOutcome] = useState<Outcome<A>>({ pending: false })
  const run = async (...args: Args): Promise<void> => {
    setOutcome({ pending: true })
    try {
      setOutcome({ pending: false, value: await operation(...args) })
    } catch (error) {
      const said = error instanceof MongoDBRealmError ? error.error : undefined
      setOutcome({ pending: false, problem: said ?? (error instanceof Error ? error.message : String(error)) })
    }
  }
  return { ...outcome, run }
}
