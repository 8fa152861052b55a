/** How the source of a function is made a function itself. */

/** What every source is a function of. */
export const parameters = ["exports", "module", "require", "context"] as const

/** Reads back what the source made of its `exports`, which it usually replaces. */
export const epilogue = "\n;return { exports, module }"
