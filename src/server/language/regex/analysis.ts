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
      if (node.body.kind === "look" && !node.body.isBehind) return 0
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

/** Whether something may match nothing before it tries to match more. */
export const mayPreferNothing = (node: Node): boolean => {
  switch (node.kind) {
    case "group":
    case "atomic":
      return mayPreferNothing(node.body)
    case "repeat":
      return (node.mode === "lazy" && node.least < node.most) || mayPreferNothing(node.body)
    case "sequence":
      return node.items.some(mayPreferNothing)
    case "alternatives":
      return node.branches.slice(0, -1).some(mayBeEmpty) || node.branches.some(mayPreferNothing)
    default:
      return false
  }
}

/** Whether there is a reference to a group. */
export const refers = (node: Node): boolean => {
  switch (node.kind) {
    case "reference":
      return true
    case "group":
    case "atomic":
    case "look":
    case "repeat":
      return refers(node.body)
    case "sequence":
      return node.items.some(refers)
    case "alternatives":
      return node.branches.some(refers)
    default:
      return false
  }
}

/** Whether something matches nothing wherever all else that it matches leads nowhere. */
export const neverFails = (node: Node): boolean => {
  switch (node.kind) {
    case "group":
      return neverFails(node.body)
    case "repeat":
      return node.mode !== "possessive" && (node.least === 0 || neverFails(node.body))
    case "sequence":
      return node.items.every(neverFails)
    case "alternatives":
      return node.branches.some(neverFails)
    default:
      return false
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
export const capturesDiffer = ({ body, least, most }: Repeat): boolean => {
  const groups = groupsIn(body)
  if (groups.length === 0) return false
  if (mayBeEmpty(body)) return least === 0 || most > 1
  const captured = capturedBy(body)
  return most > 1 && groups.some((group) => !captured.has(group))
}
