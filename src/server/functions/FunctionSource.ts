/**
 * The sources of exported functions: sloppy-mode scripts, each in a scope of its own. `ExportedFunctions.ts` runs them.
 */
import * as vm from "node:vm"
import { parameters } from "./shared/sources.ts"

/** The syntax error of a source. */
export interface SyntaxProblem {
  readonly message: string
  readonly line: number | undefined
}

/** Checks the syntax without running anything. */
export const check = (source: string, file: string): SyntaxProblem | undefined => {
  try {
    vm.compileFunction(source, [...parameters], { filename: file })
    return undefined
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? "") : ""
    const line = /:(\d+)$/m.exec(stack.slice(0, stack.indexOf("\n")))?.[1]
    const isModule = /import statement outside a module|import\.meta|^SyntaxError: Unexpected token 'export'/.test(
      String(error)
    )
    const hint = isModule ? "; sources must not be ES modules: write const x = require(...), and exports = ..." : ""
    return { message: `${String(error)}${hint}`, line: line === undefined ? undefined : Number(line) }
  }
}
