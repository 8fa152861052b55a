/** How a function's failures read. */

/**
 * What the client reads of an exception: `String(exception)`, or JSON where that would say nothing. The hosted service's
 * engine put the name that it did not know in quotes.
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

export const noText = "the function threw a value that has no text"

export const notSendable = (message: string): string => `the function's result cannot be sent: ${message}`

/** Why a stream is no result of a call. */
export const aStream = notSendable("it is a stream, which callFunctionStreaming reads")

export const notFound = (name: string): string => `function not found: '${name}'`

export const tooMany = (most: number): string =>
  `the function could not run: ${most} calls of the application's functions are under way, try again later`

export const tooLarge = (bytes: number): string => `it is larger than ${bytes / 1024 / 1024} MiB`
