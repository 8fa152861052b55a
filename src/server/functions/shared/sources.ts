/** Wraps the source of a function. */

/** The parameters of the wrapper. */
export const parameters = ["exports", "module", "require", "context"] as const

/** Returns `exports`, which the source usually reassigns. */
export const epilogue = "\n;return { exports, module }"
