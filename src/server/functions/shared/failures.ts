/** The error messages of functions. */

/**
 * The message of an exception for the client: `String(exception)`, or JSON for plain objects. The hosted service's
 * engine quoted the unknown name of a ReferenceError.
 */
export const describe = (cause: unknown): string => {
  try {
    const text = String(cause)
    return text.startsWith("[object ")
      ? (JSON.stringify(cause) ?? text)
      : text.replace(/^ReferenceError: ([^\s']+) is not defined$/, "ReferenceError: '$1' is not defined")
  } catch {
    return noText
  }
}

/** Places in a stack that the application cannot do anything about. */
const notOwn =
  /\((?:node:|guest\.js|<anonymous>)|^\s+at (?:node:|guest\.js|<anonymous>|(?:async )?(?:run|invoke|Promise\.\w+)\b)/

/** Where an exception was thrown: the lines of its stack that are the application's own or of its packages. */
export const traceOf = (cause: unknown): string | undefined => {
  try {
    const stack = cause instanceof Error ? String(cause.stack) : ""
    const own = stack.split("\n").filter((line) => /^\s+at /.test(line) && !notOwn.test(line))
    return own.length === 0 ? undefined : own.join("\n")
  } catch {
    return undefined
  }
}

export const noText = "the function threw a value that cannot be converted to text"

export const notSendable = (message: string): string => `the function's result cannot be sent: ${message}`

/** A stream cannot be the result of a call. */
export const aStream = notSendable("it is a stream, which callFunctionStreaming reads")

export const notFound = (name: string): string => `function not found: '${name}'`

export const tooMany = (most: number): string =>
  `the function could not run: ${most} calls of the application's functions are in progress, try again later`

export const tooLarge = (bytes: number): string => `it is larger than ${bytes / 1024 / 1024} MiB`
