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

/** A line of a stack, with the place in it, and what `util.inspect` appends to the last one. */
const frame = /\n[ \t]+at (?:.* \(|async )?(.*?:\d+:\d+|<anonymous>|index \d+)\)?( \{|,)?$/gm

/** Files with an absolute path or a scheme are the server's or Node's; `guest.js` is the script of a realm. */
const notOwn = /^(?:[/\\<]|(?:node|file|data|[a-z]):|guest\.js:|index \d)/i

/**
 * Leaves those lines of the stacks in a text that are the application's own, or those of its packages, with paths
 * relative to the application's folder.
 */
export const withOwnFrames = (text: string, root: string | undefined): string =>
  text.replace(frame, (line: string, place: string, suffix = "") => {
    if (root !== undefined && place.startsWith(root)) return line.replace(root, "")
    return notOwn.test(place) ? suffix : line
  })

/** Where an exception was thrown: the lines of its stack that are the application's own or of its packages. */
export const traceOf = (cause: unknown, root: string | undefined): string | undefined => {
  try {
    const stack = cause instanceof Error ? String(cause.stack) : ""
    const own = withOwnFrames(stack, root)
      .split("\n")
      .filter((line) => /^\s+at /.test(line))
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
