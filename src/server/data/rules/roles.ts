/** The roles of a collection for a caller: which documents each applies to, and what it allows. */
import type { Condition } from "../View.ts"
import type * as View from "../View.ts"
import * as Conditions from "./conditions.ts"
import * as Fields from "./fieldPermissions.ts"
import * as Operands from "./operands.ts"
import type * as RuleDocuments from "./ruleDocuments.ts"

type Document = Record<string, unknown>

/** The conditions of a role. */
interface Says {
  readonly applies: (seen: Document) => boolean
  readonly inserts: (seen: Document) => boolean
  readonly deletes: (seen: Document) => boolean
  /** The permissions of the fields, if the document is accessible. */
  readonly readsOf: (seen: Document) => Fields.Permission
  readonly writesOf: (seen: Document) => Fields.Permission
}

/** A role for a caller. */
export interface Applied extends Says {
  readonly condition: Condition
  readonly read: Condition
  readonly fields: Fields.Bound
  readonly visible: Condition
  readonly isVisible: (seen: Document) => boolean
  /** Whether the role allows everything for every document. */
  readonly everything: boolean
  /** The part of the role about a document to change that does not depend on the change. */
  readonly ofOld: Says
  readonly role: RuleDocuments.Role
}

export const apply = (
  role: RuleDocuments.Role,
  condition: Condition,
  known: Operands.Known,
  asksOfChanges: boolean
): Applied => {
  const [read, write] = [role.read(known), role.write(known)]
  const [filterRead, filterWrite] = [role.filterRead(known), role.filterWrite(known)]
  const [inserts, deletes] = [role.insert(known), role.delete(known)]
  const fields = Fields.bind(role.fields, known)
  const visible = Conditions.and([filterRead, Conditions.or([read, Fields.readsAny(fields)])])
  const saying = (change: (condition: Condition) => Condition): Says => {
    const holds = (condition: Condition) => Conditions.holds(change(condition))
    const [readsWhole, writesWhole, passes] = [holds(read), holds(write), holds(filterWrite)]
    const fieldsOf = Fields.resolver(fields, change)
    return {
      applies: holds(condition),
      inserts: holds(inserts),
      deletes: holds(deletes),
      readsOf: (seen) => (readsWhole(seen) ? Fields.everything : fieldsOf(seen)),
      writesOf: (seen) => (!passes(seen) ? Fields.nothing : writesWhole(seen) ? Fields.everything : fieldsOf(seen))
    }
  }
  const says = saying((it) => it)
  return {
    ...says,
    condition,
    read,
    fields,
    visible,
    isVisible: Conditions.holds(visible),
    everything: Conditions.and([condition, read, write, filterRead, filterWrite, inserts, deletes]) === true,
    ofOld: asksOfChanges ? saying(Conditions.ofOld) : says,
    role
  }
}

/** A role applies if no earlier one does. */
export const readableBy = (roles: ReadonlyArray<Applied>): Condition =>
  Conditions.or(
    roles.map(({ condition, visible }, i) =>
      Conditions.and([...roles.slice(0, i).map((it) => Conditions.not(it.condition)), condition, visible])
    )
  )

/** The visible parts of readable documents, by role. */
export const casesOf = (roles: ReadonlyArray<Applied>, masks: ReadonlyArray<View.Mask>): ReadonlyArray<View.Case> => {
  const cases = roles.flatMap(({ condition, fields, read }) => {
    const when = Conditions.unchanged(condition)
    const whole = { when: Conditions.and([when, Conditions.unchanged(read)]), shows: masks }
    return Fields.readsAny(fields) === false ? [whole] : [whole, { when, shows: [Fields.maskOf(fields), ...masks] }]
  })
  const last = cases.findIndex(({ when }) => when === true)
  return cases.slice(0, last === -1 ? undefined : last + 1).filter(({ when }) => when !== false)
}

/** Whether cases use computed values. */
export const areComputed = (cases: ReadonlyArray<View.Case>): boolean =>
  cases.some(
    ({ shows, when }) =>
      Conditions.mentions(when, Operands.isComputed) || shows.some((mask) => Fields.masksBy(mask, Operands.isComputed))
  )
