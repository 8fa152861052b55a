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

export const noText = "the function threw a value that cannot be converted to text"

export const notSendable = (message: string): string => `the function's result cannot be sent: ${message}`

/** A stream cannot be the result of a call. */
export const aStream = notSendable("it is a stream, which callFunctionStreaming reads")

export const notFound = (name: string): string => `function not found: '${name}'`

export const tooMany = (most: number): string =>
  `the function could not run: ${most} calls of the application's functions are in progress, try again later`

export const tooLarge = (bytes: number): string => `it is larger than ${bytes / 1024 / 1024} MiB`
