import { assert, describe, it } from "@effect/vitest"
import { compile } from "../../../src/server/language/regex.ts"
import { refusal } from "./support.ts"

/** A pattern, its options, texts that it matches and texts that it does not. */
type Case = readonly [pattern: string, options: string, matched: ReadonlyArray<string>, others: ReadonlyArray<string>]

const holds = (cases: ReadonlyArray<Case>) => {
  for (const [pattern, options, matched, others] of cases) {
    const { test } = compile(pattern, options)
    for (const text of matched) assert.isTrue(test(text), `${pattern} matches ${JSON.stringify(text)}`)
    for (const text of others) assert.isFalse(test(text), `${pattern} does not match ${JSON.stringify(text)}`)
  }
}

describe("regular expressions of PCRE", () => {
  it("ends lines at a line feed only, and the text also before the last one", () =>
    holds([
      ["a.c", "", ["abc", "a\rc", "a\u2028c"], ["a\nc"]],
      ["a.c", "s", ["a\nc"], []],
      ["^b", "m", ["a\nb"], ["a\rb"]],
      ["^$", "m", ["a\n\nb", ""], ["a\n"]],
      ["a$", "", ["a", "a\n"], ["a\nb", "a\n\n"]],
      ["a$", "m", ["a\nb"], ["a\rb"]],
      ["\\Aa\\z", "m", ["a"], ["a\n", "b\na"]],
      ["a\\Z", "", ["a\n"], ["a\nb"]],
      ["^\\N$", "s", ["a"], ["\n"]],
      ["a\\Rb", "", ["a\r\nb", "a\u2028b"], ["a\\Rb", "ab"]]
    ]))

  it("count characters, and not UTF-16 units", () =>
    holds([
      ["^.$", "", ["\u{1F600}", "é"], ["ab"]],
      ["^[\u{1F600}-\u{1F64F}]$", "", ["\u{1F601}"], ["\ud83d"]],
      ["^[^a]$", "", ["\u{1F600}"], ["a"]],
      ["\\x{1F600}", "", ["\u{1F600}"], ["x"]],
      // between the halves of a surrogate pair, there is no place
      ["a\\B|(?<!a)(?!.)(?!$)", "s", [], ["a\u{1F600}"]]
    ]))

  it("supports options in the pattern, for the rest and for a group", () =>
    holds([
      ["(?i)abc", "", ["ABC", "xaBc"], ["ab"]],
      ["a(?i)b", "", ["aB"], ["AB"]],
      ["a(?i:b|É)c", "", ["aBc", "aéc"], ["aBC", "Abc"]],
      ["(?-i)a", "i", ["a"], ["A"]],
      ["(x(?i)a)b", "", ["xAb"], ["xAB"]],
      ["x(?i)a|b", "", ["B", "xA"], ["X"]],
      ["(?s).(?-s).", "", ["\na"], ["\n\n"]],
      ["(?m)^b", "", ["a\nb"], []],
      ["(?x) a b # a comment\n c", "", ["abc"], ["a b c"]],
      ["(?^)a", "i", ["a"], ["A"]],
      ["[a-c](?i)[x-z]", "", ["aX", "cz"], ["AX"]]
    ]))

  it("ignore spaces and comments where they are extended, but not in classes", () =>
    holds([
      ["a b", "x", ["ab"], ["a b"]],
      ["a [ ]b\\ c", "x", ["a b c"], ["abc"]],
      ["a #x\n +", "x", ["aa"], ["#"]],
      ["a(?#why)b", "", ["ab"], []],
      ["^a + + b {2}$", "x", ["aabb"], ["aab"]],
      ["^a\\E+\\Q\\E$", "", ["aa"], []]
    ]))

  it("fold cases as Unicode does", () =>
    holds([
      ["straße", "i", ["STRAßE"], ["STRASSE"]],
      ["k", "i", ["\u212a"], []],
      ["a(?i)s", "", ["a\u017f"], ["As"]],
      ["[^a]", "i", ["b"], ["A"]],
      // what is named by a class is not folded
      ["^\\W$", "i", ["\u017f", "\u212a", "-"], ["s", "K"]],
      ["^\\w$", "i", ["s"], ["\u017f"]],
      ["^\\p{Lu}$", "i", ["A"], ["a"]],
      ["^[[:upper:]]$", "i", ["a", "A"], ["1"]],
      ["k\\b", "i", ["K\u017f"], ["Ks"]]
    ]))

  it("never go back into atomic groups and possessive quantifiers", () =>
    holds([
      ["a++b", "", ["aab"], []],
      ["a++a", "", [], ["aaa"]],
      ["(?>a|ab)c", "", ["ac"], ["abc"]],
      ["x?+x", "", ["xx"], ["x"]],
      ["^(?:ab|a){2}+$", "", ["aba"], ["aab b"]]
    ]))

  it("supports ASCII classes, by letters and by POSIX names", () =>
    holds([
      ["^\\w+$", "", ["aZ_9"], ["é"]],
      ["^\\W$", "", ["é", " "], ["a"]],
      ["^\\d$", "", ["5"], ["٣"]],
      ["^\\s$", "", [" ", "\v"], ["\u00a0"]],
      ["^\\h\\H\\v\\V$", "", ["\u00a0a\na"], ["aaaa"]],
      ["^[[:alpha:][:digit:]_]+$", "", ["a1_"], ["é", "-"]],
      ["^[^[:space:]]$", "", ["a"], [" "]],
      ["^[[:^upper:]]$", "", ["a", "é"], ["A"]],
      ["^[]a]$", "", ["]", "a"], ["b"]],
      ["^[^]a]$", "", ["b"], ["]"]],
      ["^[\\w.-]+$", "", ["a.b-c"], [" "]],
      ["^[\\d-]$", "", ["-", "5"], ["b"]],
      ["^[b-d-z]$", "", ["c", "-", "z"], ["y"]],
      ["^[\\b]$", "", ["\b"], ["b"]],
      ["^[&&~~!!]$", "", ["&", "!"], ["a"]],
      ["^[(){}/|]+$", "", ["({/|})"], ["\\"]]
    ]))

  it("supports Unicode properties, categories and scripts", () =>
    holds([
      ["^\\p{L}+$", "", ["éα"], ["1"]],
      ["^\\pL\\PL$", "", ["a1"], ["aa"]],
      ["^\\p{^Lu}$", "", ["a"], ["A"]],
      ["^\\p{Greek}$", "", ["α"], ["a"]],
      ["^[\\p{Lu}\\d]$", "", ["A", "5"], ["a"]],
      ["^[^\\p{L}\\d]$", "", ["-"], ["é", "5"]],
      ["^\\p{Xan}\\P{Xan}$", "", ["é-"], ["éé"]],
      ["^\\p{L&}$", "", ["a"], ["中"]]
    ]))

  it("supports characters by number, by name and quoted", () =>
    holds([
      ["^\\x41\\101\\o{101}\\cA\\e\\a$", "", ["AAA\u0001\u001b\u0007"], []],
      ["^\\Qa.b*\\E+$", "", ["a.b*", "a.b**"], ["aXb"]],
      ["^[\\Q^]\\E]$", "", ["^", "]"], ["Q"]],
      ["^a\\/b/c-d$", "", ["a/b/c-d"], []],
      ["^\\0$", "", ["\0"], ["0"]]
    ]))

  it("repeat, with braces that may be characters", () =>
    holds([
      ["^(?:a{2}){2}$", "", ["aaaa"], ["aaa"]],
      ["^a{,2}$", "", ["a{,2}"], ["aa"]],
      ["^a{x}$", "", ["a{x}"], []],
      ["^a{2,}?$", "", ["aaa"], ["a"]],
      ["^(?=a)*a$", "", ["a"], []]
    ]))

  it("look around, and behind by a fixed number of characters", () =>
    holds([
      ["(?<=ab|c)d", "", ["abd", "cd"], ["bd"]],
      ["(?<!a)d", "", ["d", "bd"], ["ad"]],
      ["a(?!b)", "", ["ac"], ["ab"]]
    ]))

  it("refer to what groups captured, by number and by name", () =>
    holds([
      ["(a|b)\\1", "", ["aa", "bb"], ["ab"]],
      ["(?P<q>['\"]).*(?P=q)", "", ["'a'"], ["'a\""]],
      ["(?<q>.)\\k<q>\\k{q}", "", ["aaa"], ["aab"]],
      ["(a)(b)\\g{-1}", "", ["abb"], ["aba"]],
      ["(?>(a))b\\1", "", ["aba"], ["abb"]],
      ["(a)\\10", "", ["a\b"], ["aa0"]]
    ]))

  it("find what they matched and what their groups captured", () => {
    const cases: ReadonlyArray<readonly [string, string, unknown]> = [
      ["(\\d+)-(\\d+)?", "\u{1F600}12-", { index: 2, text: "12-", captures: ["12", undefined] }],
      ["(?>x(a))(?<n>b)", "xab", { index: 0, text: "xab", captures: ["a", "b"] }],
      ["(a*)?", "b", { index: 0, text: "", captures: [""] }],
      ["(a)++(b)", "aab", { index: 0, text: "aab", captures: ["a", "b"] }],
      ["x", "a", undefined]
    ]
    for (const [pattern, text, found] of cases) assert.deepStrictEqual(compile(pattern).find(text), found)
    assert.strictEqual(compile("a").find("aba", 1)?.index, 2)
  })

  it("rejects what PCRE rejects as invalid", () => {
    const cases: ReadonlyArray<readonly [string, RegExp]> = [
      ["(", /missing closing parenthesis/],
      ["a)", /unmatched closing parenthesis/],
      ["[a", /missing terminating \]/],
      ["*a", /nothing to repeat/],
      ["a{3,1}", /out of order/],
      ["a**", /nothing to repeat/],
      ["a{2}{2}", /nothing to repeat/],
      ["^*", /nothing to repeat/],
      ["\\b+", /nothing to repeat/],
      ["[a-\\d]", /begins or ends no range/],
      ["[[:alpha:]-z]", /begins or ends no range/],
      ["[:alpha:]", /inside of a class alone/],
      ["\\N{DASH}", /names of characters/],
      ["a{70000}", /too big/],
      ["[z-a]", /out of order/],
      ["[[:foo:]]", /unknown POSIX class name/],
      ["\\", /ends with a backslash/],
      ["\\j", /unrecognized character/],
      ["\\x{110000}", /no character of this number/],
      ["(a)\\2", /no group 2/],
      ["\\k<n>", /no group n/],
      ["(?<n>a)(?<n>b)", /two groups have the name/],
      ["(?<=a+)b", /fixed number/],
      ["(?q)a", /option is unknown/],
      ["(?", /unrecognized character after/],
      ["a".repeat(32_765), /longer than 32764 bytes/]
    ]
    for (const [pattern, message] of cases) {
      const error = refusal(() => compile(pattern))
      assert.match(error.message, message)
      assert.deepStrictEqual([error.kind, error.code], ["invalid", 51091], error.message)
    }
    assert.match(refusal(() => compile("a", "g")).message, /invalid flag in regex options: g/)
  })

  it("rejects by name what JavaScript cannot match", () => {
    const cases: ReadonlyArray<readonly [string, RegExp]> = [
      ["(?R)", /\(\?R\)/],
      ["(?1)(a)", /recursion/],
      ["(?(1)a|b)", /condition/],
      ["(?|(a)|(b))", /numbers the groups/],
      ["a\\Kb", /\\K/],
      ["\\Ga", /\\G/],
      ["\\X", /\\X/],
      ["(*SKIP)a", /verb/],
      ["(?U)a", /\(\?U\)/],
      ["\\p{Nonsense}", /\\p\{Nonsense\}/],
      ["(a)?\\1", /reference to the group 1/],
      ["(?i)(a)b\\1\\w", /ignores case in a part/],
      ["[\\W[:alpha:]]", /class of characters with one such as/],
      ["(?:a??)*b", /repetition of what may match nothing first/],
      ["(?<=(a)\\1)b", /in a lookbehind/]
    ]
    for (const [pattern, message] of cases) {
      const error = refusal(() => compile(pattern))
      assert.match(error.message, message)
      assert.strictEqual(error.kind, "unsupported", error.message)
    }
    const error = refusal(() => compile("(?:(a)|b)*").find("ab"))
    assert.match(error.message, /groups of a repetition/)
  })
})
