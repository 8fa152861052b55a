/** Reads a regular expression as PCRE does, and refuses by name what JavaScript cannot match. */
import { unsupported } from "../LanguageError.ts"
import { readClass } from "./classes.ts"
import { type Escape, readEscape, Reader } from "./escapes.ts"
import { dot, type Node, type Parsed, type Repeat } from "./syntax.ts"

/** The options that hold where something is read. */
interface Flags {
  readonly i: boolean
  readonly m: boolean
  readonly s: boolean
  readonly x: boolean
}

/** Parses a pattern. */
export const parse = (pattern: string, flags: Flags): Parsed => {
  const first = new Parser(pattern, flags, Infinity).parse()
  // whether `\12` refers to a group or is a character depends on how many groups there are
  return /\\[1-9]\d/.test(pattern) ? new Parser(pattern, flags, first.groups).parse() : first
}

const noSuch = (what: string): never => unsupported(`${what} in a regular expression`)

class Parser {
  readonly #in: Reader
  readonly #most: number
  readonly #names = new Map<string, number>()
  #flags: Flags
  #groups = 0
  #ignoresCase: boolean
  #depth = 0

  constructor(pattern: string, flags: Flags, mostGroups: number) {
    // the text is always Unicode
    this.#in = new Reader(pattern.replace(/^(?:\(\*UTF8?\))+/, ""))
    this.#flags = flags
    this.#ignoresCase = flags.i
    this.#most = mostGroups
  }

  parse(): Parsed {
    const root = this.#alternatives()
    if (!this.#in.isAtEnd) this.#in.fail("unmatched closing parenthesis")
    return { root, groups: this.#groups, ignoresCase: this.#ignoresCase, names: this.#names }
  }

  #alternatives(): Node {
    if (++this.#depth > 200) this.#in.fail("parentheses are nested too deeply")
    const flags = this.#flags
    const branches = [this.#sequence()]
    while (this.#in.take("|")) branches.push(this.#sequence())
    this.#flags = flags
    this.#depth--
    const [only] = branches
    return only !== undefined && branches.length === 1 ? only : { kind: "alternatives", branches }
  }

  #sequence(): Node {
    const items: Array<Node> = []
    for (;;) {
      this.#skip()
      if (this.#in.isAtEnd || this.#in.sees("|") || this.#in.sees(")")) break
      const atoms = this.#atoms()
      const last = atoms.pop()
      items.push(...atoms)
      if (last !== undefined) items.push(this.#quantified(last))
    }
    const [only] = items
    return only !== undefined && items.length === 1 ? only : { kind: "sequence", items }
  }

  /** What means nothing: comments, quotes of nothing, and in extended patterns spaces. */
  #skip(): void {
    for (;;) {
      if (this.#in.take("\\E") || this.#in.take("\\Q\\E")) continue
      if (this.#in.take("(?#")) this.#in.until(")")
      else if (!this.#flags.x || !(this.#in.match(/[\t-\r ]+/y) ?? this.#in.match(/#[^\n]*\n?/y))) return
    }
  }

  /** One item, or none for a setting of options, or the characters of a quoted text. */
  #atoms(): Array<Node> {
    if (this.#in.take("\\Q")) return Array.from(this.#in.until("\\E", true), (text) => this.#character(text))
    if (this.#in.sees("\\")) return [this.#escaped(readEscape(this.#in, this.#most))]
    if (this.#in.sees("[")) {
      if (this.#in.match(/\[([:.=])(?:\\[\]\\]|[^\]])*?\1\]/y))
        this.#in.fail("a POSIX class stands inside of a class alone")
      return [{ kind: "set", set: readClass(this.#in, this.#flags.i) }]
    }
    if (this.#in.take("(")) return this.#parenthesis()
    if (this.#in.take(".")) return [dot(this.#flags.s)]
    if (this.#in.take("^")) return [{ kind: "assertion", source: this.#flags.m ? "(?:^|(?<=\\n)(?!$))" : "^" }]
    if (this.#in.take("$")) return [{ kind: "assertion", source: this.#flags.m ? "(?=\\n|$)" : "(?=\\n?$)" }]
    if (this.#in.match(/[*+?]|\{\d+(?:,\d*)?\}/y) !== undefined) this.#in.fail("a quantifier has nothing to repeat")
    return [this.#character(this.#in.next())]
  }

  #character(text: string): Node {
    return { kind: "character", code: text.codePointAt(0) ?? 0, isInsensitive: this.#flags.i }
  }

  #escaped(escape: Escape): Node {
    const isInsensitive = this.#flags.i
    switch (escape.kind) {
      case "character":
        return { kind: "character", code: escape.code, isInsensitive }
      case "set":
        return {
          kind: "set",
          set: { isNegated: false, ranges: [], exact: escape.ranges, others: escape.others, isInsensitive }
        }
      case "assertion":
        return escape
      case "reference":
        return {
          kind: "reference",
          to: escape.relative ? this.#groups + 1 - Number(escape.to) : escape.to,
          isInsensitive
        }
      case "newline":
        return { kind: "atomic", body: { kind: "assertion", source: "(?:\\r\\n|[\\n-\\r\\x85\\u2028\\u2029])" } }
    }
  }

  #quantified(item: Node): Node {
    this.#skip()
    const found = this.#in.match(/([*+?]|\{(\d+)(,(\d*))?\})/y)
    if (found === undefined) return item
    const [, sign = "", least, comma, most] = found
    this.#skip()
    const suffix = this.#in.match(/[+?]/y)?.[0]
    if (item.kind === "assertion") this.#in.fail("a quantifier has nothing to repeat")
    return {
      kind: "repeat",
      body: item,
      ...this.#bounds(sign, least, comma, most),
      mode: modes[suffix ?? ""] ?? "greedy"
    }
  }

  #bounds(sign: string, least?: string, comma?: string, most?: string): Pick<Repeat, "least" | "most"> {
    if (sign === "*") return { least: 0, most: Infinity }
    if (sign === "+") return { least: 1, most: Infinity }
    if (sign === "?") return { least: 0, most: 1 }
    const from = Number(least)
    const to = comma === undefined ? from : most === undefined || most === "" ? Infinity : Number(most)
    if (from > 65_535 || (to > 65_535 && to !== Infinity)) this.#in.fail("a number in a quantifier is too big")
    if (from > to) this.#in.fail("the numbers of a quantifier are out of order")
    return { least: from, most: to }
  }

  /** What stands behind an opening parenthesis. */
  #parenthesis(): Array<Node> {
    if (this.#in.sees("*")) return noSuch("a verb such as (*SKIP)")
    if (!this.#in.take("?")) return [this.#capture()]
    const name = this.#in.match(/(?:P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')/y)
    if (name !== undefined) return [this.#capture(name[1] ?? name[2])]
    const reference = this.#in.match(/P=(\w+)\)/y)
    if (reference?.[1] !== undefined) return [{ kind: "reference", to: reference[1], isInsensitive: this.#flags.i }]
    if (this.#in.take(":")) return [this.#closed((body) => ({ kind: "group", number: undefined, body }))]
    if (this.#in.take(">")) return [this.#closed((body) => ({ kind: "atomic", body }))]
    const look = this.#in.match(/(<?)([=!])/y)
    if (look !== undefined) {
      const isBehind = look[1] === "<"
      const isNegative = look[2] === "!"
      return [this.#closed((body) => ({ kind: "look", isBehind, isNegative, body }))]
    }
    return this.#options()
  }

  #capture(name?: string): Node {
    const number = ++this.#groups
    if (name !== undefined) {
      if (this.#names.has(name)) this.#in.fail(`two groups have the name '${name}'`)
      this.#names.set(name, number)
    }
    return this.#closed((body) => ({ kind: "group", number, body }))
  }

  #closed(make: (body: Node) => Node): Node {
    const body = this.#alternatives()
    if (!this.#in.take(")")) this.#in.fail("missing closing parenthesis")
    return make(body)
  }

  /** Options for what follows, `(?i)`, or for what is in the group, `(?i:x)`. */
  #options(): Array<Node> {
    const found = this.#in.match(/(\^?)([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])/y)
    const [, reset, on = "", off = "", end] = found ?? []
    if (found === undefined) return this.#foreign()
    const unknown = /[^imsx]/.exec(on + off)
    if (unknown !== null) {
      return "UJnRC".includes(unknown[0]) ? noSuch(`(?${unknown[0]})`) : this.#in.fail("an option is unknown")
    }
    const before = this.#flags
    const base = reset === "^" ? { i: false, m: false, s: false, x: false } : before
    const holds = (flag: keyof Flags) => (base[flag] || on.includes(flag)) && !off.includes(flag)
    this.#flags = { i: holds("i"), m: holds("m"), s: holds("s"), x: holds("x") }
    this.#ignoresCase ||= this.#flags.i
    if (end === ")") return []
    const group = this.#closed((body) => ({ kind: "group", number: undefined, body }))
    this.#flags = before
    return [group]
  }

  /** What JavaScript has nothing for. */
  #foreign(): never {
    if (this.#in.sees("|")) return noSuch("(?|…), which numbers the groups of its branches alike,")
    if (this.#in.sees("(")) return noSuch("a condition, (?(…)…),")
    if (this.#in.match(/[R&+\-\d]|P>/y) !== undefined) return noSuch("recursion")
    if (this.#in.sees("C")) return noSuch("a callout")
    return this.#in.fail("unrecognized character after (?")
  }
}

const modes: Readonly<Record<string, Repeat["mode"]>> = { "": "greedy", "?": "lazy", "+": "possessive" }
