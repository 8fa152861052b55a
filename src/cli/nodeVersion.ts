/** Whether this Node can run the command: data directories and the processes of functions need a recent one. */
import * as SemVer from "effect/SemVer"
import * as SemVerRange from "effect/SemVerRange"

/** What is wrong with the version of Node; `undefined` if nothing is, and in Deno and Bun, whose version of Node tells little. */
export const problem = (versions: Readonly<Record<string, string | undefined>>, needed: string): string | undefined => {
  const { bun, deno, node = "0.0.0" } = versions
  return bun !== undefined ||
    deno !== undefined ||
    SemVerRange.matches(SemVerRange.parseUnsafe(needed), SemVer.parseUnsafe(node), { includePrerelease: true })
    ? undefined
    : `effect-app-services needs Node ${needed.replace(">=", "")} or newer, and this is Node ${node}: install a newer one from https://nodejs.org`
}
