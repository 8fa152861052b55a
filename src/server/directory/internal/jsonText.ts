/**
 * Reads JSON that people write by hand, with comments and trailing commas, and says where a text stops being JSON. A
 * problem repeats nothing of the text, which may hold secrets.
 */
import { parse, type ParseError, printParseErrorCode } from "jsonc-parser"

/** What is wrong with a text, and where. Lines and columns count from 1. */
export interface Problem {
  readonly message: string
  readonly line: number
  readonly column: number
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
  const before = text.slice(0, first.offset)
  const message = messages[printParseErrorCode(first.error)]
  return {
    _tag: "Problem",
    problem: {
      message: `${message}${first.offset >= text.length ? ", found the end of the file" : ""}`,
      line: before.split("\n").length,
      column: first.offset - before.lastIndexOf("\n")
    }
  }
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
