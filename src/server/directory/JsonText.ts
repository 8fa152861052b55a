/**
 * Tells where a text stops being JSON: by line and column, and without repeating a word of it, as it may be a file of
 * secrets.
 *
 * @since 0.1.0
 */

/**
 * What is wrong with a text, and where. Lines and columns count from 1.
 *
 * @category models
 * @since 0.1.0
 */
export interface Problem {
  readonly message: string
  readonly line: number
  readonly column: number
}

interface Fault {
  readonly expected: string
  readonly at: number
}

type Step = number | Fault

/**
 * The first problem of a text that `JSON.parse` refused.
 *
 * @category decoding
 * @since 0.1.0
 */
export const problem = (text: string): Problem => {
  const end = value(text, blank(text, 0))
  const fault = typeof end === "object" ? end : { expected: "the end of the file", at: blank(text, end) }
  const before = text.slice(0, fault.at)
  return {
    message: `expected ${fault.expected}${fault.at >= text.length ? ", found the end of the file" : ""}`,
    line: before.split("\n").length,
    column: fault.at - before.lastIndexOf("\n")
  }
}

const blank = (text: string, at: number): number => {
  while (at < text.length && " \t\n\r".includes(text.charAt(at))) at++
  return at
}

const scalar =
  /(?:"(?:[^"\\\n\r\t]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y
const string = /"(?:[^"\\\n\r\t]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y

const match = (pattern: RegExp, text: string, at: number): number | undefined => {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : undefined
}

const value = (text: string, at: number): Step => {
  if (text[at] === "{") return list(text, at, "}", member)
  if (text[at] === "[") return list(text, at, "]", value)
  return match(scalar, text, at) ?? { expected: text[at] === '"' ? "a complete string" : "a value", at }
}

const member = (text: string, at: number): Step => {
  const key = match(string, text, at)
  if (key === undefined) return { expected: "a key in double quotes", at }
  const colon = blank(text, key)
  return text[colon] === ":" ? value(text, blank(text, colon + 1)) : { expected: '":"', at: colon }
}

const list = (text: string, open: number, close: "}" | "]", item: (text: string, at: number) => Step): Step => {
  let at = blank(text, open + 1)
  if (text[at] === close) return at + 1
  while (true) {
    const end = item(text, at)
    if (typeof end === "object") return end
    at = blank(text, end)
    if (text[at] === close) return at + 1
    if (text[at] !== ",") return { expected: `"," or "${close}"`, at }
    at = blank(text, at + 1)
  }
}

/**
 * A text without its comments, and without the commas behind the last item of a list: JSON, where that was all that kept
 * it from being so. Everything else stays at its line and column.
 *
 * @category decoding
 * @since 0.1.0
 */
export const strict = (text: string): string => {
  const blanked = text.replace(/"(?:[^"\\]|\\.)*"|\/\/[^\n\r]*|\/\*[\s\S]*?\*\//g, (token) =>
    token.startsWith('"') ? token : token.replace(/[^\n\r]/g, " ")
  )
  return blanked.replace(/"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])/g, (token) => (token === "," ? " " : token))
}
