/** Classes of characters: `[a-z[:digit:]\w]`. */
import { type Reader, readCommonEscape } from "./escapes.ts"
import { type CharacterSet, complement, posixSets, type Range } from "./syntax.ts"

/** Reads a class. */
export const readClass = (reader: Reader, isInsensitive: boolean): CharacterSet | undefined => {
  reader.take("[")
  const isNegated = reader.take("^")
  const ranges: Array<Range> = []
  const others: Array<string> = []
  // a bracket that closes nothing is a character
  let first = true
  while (first || !reader.sees("]")) {
    if (reader.isAtEnd) reader.fail("missing terminating ] of a character class")
    const from = readMember(reader, ranges, others)
    first = false
    if (from === undefined) continue
    if (reader.match(/-(?=[^\]])/y) === undefined) ranges.push([from, from])
    else readRange(reader, from, ranges, others)
  }
  reader.take("]")
  return { isNegated, ranges, others, isInsensitive }
}

/** Reads the end of a range, or a dash and a class, which make no range. */
const readRange = (reader: Reader, from: number, ranges: Array<Range>, others: Array<string>): void => {
  const dash = 0x2d
  const to = readMember(reader, ranges, others)
  if (to === undefined) ranges.push([from, from], [dash, dash])
  else if (to < from) reader.fail("a range of a character class is out of order")
  else ranges.push([from, to])
}

/** Reads a character, whose code it returns, or a class, which it adds. */
const readMember = (reader: Reader, ranges: Array<Range>, others: Array<string>): number | undefined => {
  const quoted = reader.match(/\\Q([\s\S]*?)(?:\\E|$)/y)
  if (quoted !== undefined) {
    for (const text of quoted[1] ?? "") ranges.push([text.codePointAt(0) ?? 0, text.codePointAt(0) ?? 0])
    return undefined
  }
  if (reader.take("\\E")) return undefined
  const posix = reader.match(/\[:(\^?)(\w+):\]/y)
  if (posix !== undefined) {
    const name = posix[2] ?? ""
    const named = Object.hasOwn(posixSets, name) ? posixSets[name] : undefined
    if (named === undefined) return reader.fail(`unknown POSIX class name '${name}'`)
    ranges.push(...(posix[1] === "^" ? complement(named) : named))
    return undefined
  }
  if (reader.match(/\[(?:\.[^\]]*\.|=[^\]]*=)\]/y) !== undefined)
    reader.fail("POSIX collating elements are not supported")
  if (!reader.sees("\\")) return reader.next().codePointAt(0)
  if (reader.take("\\b")) return 8
  const octal = reader.match(/\\([0-7]{1,3})/y)
  if (octal?.[1] !== undefined) return Number.parseInt(octal[1], 8)
  const escape = readCommonEscape(reader)
  if (escape.kind === "character") return escape.code
  if (escape.kind === "set") {
    ranges.push(...escape.ranges)
    others.push(...escape.others)
  }
  return undefined
}
