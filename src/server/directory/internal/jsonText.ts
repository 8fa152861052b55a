/**
 * Reads JSON that people write by hand, with comments and trailing commas, and says where a text stops being JSON. A
 * problem repeats nothing of the text, which may hold secrets.
 */
import { type Node, parse, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser"

/** A position in a text. Lines and columns count from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** What is wrong with a text, and where. */
export interface Problem extends Position {
  readonly message: string
}

/** The value of a text, or the first problem of it. */
export type Parsed =
  | { readonly _tag: "Value"; readonly value: unknown }
  | { readonly _tag: "Problem"; readonly problem: Problem }

/** Reads a text, which may have comments and trailing commas. */
export const read = (text: string): Parsed => {
  const errors: Array<ParseError> = []
  const value: unknown = parse(text, errors, { allowTrailingComma: true })
  const [first] = errors
  if (first === undefined) return { _tag: "Value", value }
  const message = messages[printParseErrorCode(first.error)]
  return {
    _tag: "Problem",
    problem: {
      message: `${message}${first.offset >= text.length ? ", found the end of the file" : ""}`,
      ...positionOf(text, first.offset)
    }
  }
}

const positionOf = (text: string, offset: number): Position => {
  const before = text.slice(0, offset)
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") }
}

/**
 * Finds the value at a path such as `roles[0].read` or `roles.0.read`, or the key of it: a member begins with its key. Of a path
 * that is not there, it is the innermost part that is; `undefined` if the text has no part of it.
 */
export const find = (text: string, path: string): Position | undefined => {
  const root = parseTree(text, [], { allowTrailingComma: true })
  const offset = root === undefined ? undefined : offsetOf(root, path)
  return offset === undefined ? undefined : positionOf(text, offset)
}

const offsetOf = ({ children = [], type }: Node, path: string): number | undefined => {
  const rest = path.replace(/^\./, "")
  if (type === "array") {
    const [segment = "", bracketed, plain] = /^(?:\[(\d+)\]|(\d+)(?![^.[]))/.exec(rest) ?? []
    const element = segment === "" ? undefined : children[Number(bracketed ?? plain)]
    return element === undefined ? undefined : (offsetOf(element, rest.slice(segment.length)) ?? element.offset)
  }
  // a key may have dots itself: the longest one that fits is meant
  const members = type === "object" ? children.map(({ children: [key, value] = [] }) => ({ key, value })) : []
  const fitting = members.flatMap(({ key, value }) => {
    const name: unknown = key?.value
    const fits = typeof name === "string" && rest.startsWith(name) && /^(?:$|[.[])/.test(rest.slice(name.length))
    return fits && key !== undefined ? [{ name, offset: key.offset, value }] : []
  })
  const [member] = fitting.toSorted((a, b) => b.name.length - a.name.length)
  if (member === undefined) return undefined
  const within = member.value === undefined ? undefined : offsetOf(member.value, rest.slice(member.name.length))
  return within ?? member.offset
}

const messages: Record<ReturnType<typeof printParseErrorCode>, string> = {
  InvalidSymbol: "expected a value, or a key in double quotes",
  InvalidNumberFormat: "expected a number",
  PropertyNameExpected: "expected a key in double quotes",
  ValueExpected: "expected a value",
  ColonExpected: 'expected ":"',
  CommaExpected: 'expected ","',
  CloseBraceExpected: 'expected "}"',
  CloseBracketExpected: 'expected "]"',
  EndOfFileExpected: "expected the end of the file",
  InvalidCommentToken: "expected a comment: // or /*",
  UnexpectedEndOfComment: "expected the end of the comment: */",
  UnexpectedEndOfString: "expected the end of the string: a double quote",
  UnexpectedEndOfNumber: "expected a digit",
  InvalidUnicode: "expected four hexadecimal digits after \\u",
  InvalidEscapeCharacter: "expected a valid escape sequence",
  InvalidCharacter: "expected a string without control characters",
  "<unknown ParseErrorCode>": "expected JSON"
}
