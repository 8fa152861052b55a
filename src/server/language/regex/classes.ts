/** Classes of characters: `[a-z[:digit:]\\w]`. */
import { unsupported } from "../LanguageError.ts"
import { type Reader, readCommonEscape } from "./escapes.ts"
import { type CharacterSet, complement, posixSets, type Range } from "./syntax.ts"

/** Reads a class. */
export const readClass = (reader: Reader, isInsensitive: boolean): CharacterSet => {
  reader.take("[")
  const isNegated = reader.take("^")
  return { isNegated, ...new ClassReader(reader, isInsensitive).read(), isInsensitive }
}

class ClassReader {
  readonly #in: Reader
  readonly #isInsensitive: boolean
  readonly #ranges: Array<Range> = []
  readonly #exact: Array<Range> = []
  readonly #others: Array<string> = []
  /** Whether there is a class that is named, and one that is negated. */
  #isNamed = false
  #hasNegated = false
  /** Between `\\Q` and `\\E`, nothing has a meaning. */
  #isQuoted = false

  constructor(reader: Reader, isInsensitive: boolean) {
    this.#in = reader
    this.#isInsensitive = isInsensitive
  }

  read(): Pick<CharacterSet, "ranges" | "exact" | "others"> {
    // a bracket that closes nothing is a character
    for (let isFirst = true; isFirst || !this.#isAtEnd(); isFirst = false) {
      this.#quotes()
      if (this.#in.isAtEnd) this.#in.fail("missing terminating ] of a character class")
      if (!isFirst && this.#isAtEnd()) break
      const from = this.#member()
      if (!this.#takeDash()) {
        if (from !== undefined) this.#ranges.push([from, from])
      } else this.#range(from)
    }
    this.#in.take("]")
    if (this.#isNamed && this.#hasNegated) {
      // characters beyond Latin-1 are then in PCRE's class or not by chance
      unsupported("a class of characters with one such as \\W beside one such as [:alpha:] or \\p{L}")
    }
    return { ranges: this.#ranges, exact: this.#exact, others: this.#others }
  }

  #isAtEnd(): boolean {
    return !this.#isQuoted && this.#in.sees("]")
  }

  #quotes(): void {
    for (;;) {
      if (this.#isQuoted && this.#in.take("\\E")) this.#isQuoted = false
      else if (!this.#isQuoted && this.#in.take("\\Q")) this.#isQuoted = true
      else if (this.#isQuoted || !this.#in.take("\\E")) return
    }
  }

  /** A dash between two members; one before the end is a character. */
  #takeDash(): boolean {
    this.#quotes()
    return !this.#isQuoted && this.#in.match(/-(?!\])/y) !== undefined
  }

  #range(from: number | undefined): void {
    this.#quotes()
    const to = this.#in.isAtEnd ? undefined : this.#member()
    if (from === undefined || to === undefined) this.#in.fail("a class of characters begins or ends no range")
    if (to < from) this.#in.fail("a range of a character class is out of order")
    this.#ranges.push([from, to])
  }

  /** A character, whose code it returns, or a class, which it adds. */
  #member(): number | undefined {
    if (this.#isQuoted) return this.#in.next().codePointAt(0)
    const posix = this.#in.match(/\[:(\^?)(\w+):\]/y)
    if (posix !== undefined) return this.#posix(posix[2] ?? "", posix[1] === "^")
    if (this.#in.match(/\[(?:\.[^\]]*\.|=[^\]]*=)\]/y) !== undefined) {
      this.#in.fail("POSIX collating elements are not supported")
    }
    if (!this.#in.sees("\\")) return this.#in.next().codePointAt(0)
    if (this.#in.take("\\b")) return 8
    const octal = this.#in.match(/\\([0-7]{1,3})/y)
    if (octal?.[1] !== undefined) return Number.parseInt(octal[1], 8)
    this.#hasNegated ||= this.#in.sees("\\D") || this.#in.sees("\\S") || this.#in.sees("\\W")
    const escape = readCommonEscape(this.#in)
    if (escape.kind === "character") return escape.code
    if (escape.kind === "set") {
      this.#exact.push(...escape.ranges)
      this.#others.push(...escape.others)
      this.#isNamed ||= escape.others.length > 0
    }
    return undefined
  }

  #posix(name: string, isNegated: boolean): undefined {
    const isCase = name === "upper" || name === "lower"
    const known = this.#isInsensitive && isCase ? "alpha" : name
    const named = Object.hasOwn(posixSets, known) ? posixSets[known] : undefined
    if (named === undefined) return this.#in.fail(`unknown POSIX class name '${name}'`)
    this.#exact.push(...(isNegated ? complement(named) : named))
    if (isNegated) this.#hasNegated = true
    else this.#isNamed = true
  }
}
