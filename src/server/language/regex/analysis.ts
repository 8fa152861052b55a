/** What can be said of a regular expression without matching it. */
import type { Node, Repeat } from "./syntax.ts"

/** How many characters something matches, where it is always the same number. */
export const lengthOf = (node: Node): number | undefined => {
  switch (node.kind) {
    case "character":
    case "set":
      return 1
    case "assertion":
    case "look":
      return 0
    case "reference":
      return undefined
    case "group":
    case "atomic":
      return lengthOf(node.body)
    case "repeat": {
      const length = lengthOf(node.body)
      return length !== undefined && node.least === node.most ? length * node.least : undefined
    }
    case "sequence":
      return node.items.reduce<number | undefined>((sum, item) => plus(sum, lengthOf(item)), 0)
    case "alternatives": {
      const [first, ...others] = node.branches.map(lengthOf)
      return others.every((length) => length === first) ? first : undefined
    }
  }
}

const plus = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a + b

/** Whether something may match no character. */
export const mayBeEmpty = (node: Node): boolean => {
  switch (node.kind) {
    case "character":
    case "set":
      return false
    case "assertion":
    case "look":
    case "reference":
      return true
    case "group":
    case "atomic":
      return mayBeEmpty(node.body)
    case "repeat":
      return node.least === 0 || mayBeEmpty(node.body)
    case "sequence":
      return node.items.every(mayBeEmpty)
    case "alternatives":
      return node.branches.some(mayBeEmpty)
  }
}

/** The groups that have captured something whenever a part of a pattern has matched. */
export const capturedBy = (node: Node): ReadonlySet<number> => {
  switch (node.kind) {
    case "group": {
      const inner = capturedBy(node.body)
      return node.number === undefined ? inner : new Set([...inner, node.number])
    }
    case "atomic":
      return capturedBy(node.body)
    case "look":
      return node.isNegative ? new Set() : capturedBy(node.body)
    case "repeat":
      return node.least > 0 ? capturedBy(node.body) : new Set()
    case "sequence":
      return new Set(node.items.flatMap((item) => [...capturedBy(item)]))
    case "alternatives": {
      const [first = new Set<number>(), ...others] = node.branches.map(capturedBy)
      return new Set([...first].filter((group) => others.every((branch) => branch.has(group))))
    }
    case "character":
    case "set":
    case "assertion":
    case "reference":
      return new Set()
  }
}

/** All groups of a part of a pattern. */
const groupsIn = (node: Node): ReadonlyArray<number> => {
  switch (node.kind) {
    case "group":
      return [...(node.number === undefined ? [] : [node.number]), ...groupsIn(node.body)]
    case "atomic":
    case "look":
    case "repeat":
      return groupsIn(node.body)
    case "sequence":
      return node.items.flatMap(groupsIn)
    case "alternatives":
      return node.branches.flatMap(groupsIn)
    default:
      return []
  }
}

/**
 * Whether a repetition makes the groups in it capture something else in JavaScript than in PCRE: JavaScript forgets at
 * each round what was captured in the round before, and does not count a round that matched nothing.
 */
export const capturesDiffer = ({ body, most }: Repeat): boolean => {
  const groups = groupsIn(body)
  if (groups.length === 0 || most < 2) return false
  const captured = capturedBy(body)
  return mayBeEmpty(body) || groups.some((group) => !captured.has(group))
}
