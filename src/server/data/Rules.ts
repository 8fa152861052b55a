/**
 * The rules of a collection: which documents a caller may read, write, insert and delete, and which of their fields.
 *
 * {@link compile} turns a rule document into {@link Rules}, a function from the caller to {@link Access}, which is pure
 * except for the functions that rules call. The first role whose `apply_when` holds for the user and the document
 * decides. What is unsupported denies access.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { DatabaseError } from "./Database.ts"
import type * as DocumentSchema from "./DocumentSchema.ts"
import type { Footprint } from "./internal/changes.ts"
import * as Views from "./internal/views.ts"
import type * as View from "./View.ts"
import { answer, namesOf } from "./rules/calls.ts"
import * as Fields from "./rules/fieldPermissions.ts"
import * as Conditions from "./rules/conditions.ts"
import { type Applied, apply, areComputed, casesOf, readableBy } from "./rules/roles.ts"
import * as RuleDocuments from "./rules/ruleDocuments.ts"
import * as Operands from "./rules/operands.ts"

type Document = Record<string, unknown>

/**
 * The access of one caller to one collection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Access {
  /** Whether the caller may do everything with every document, if its schema accepts it. */
  readonly everything: boolean
  /** The check of the documents that the caller writes. Absent for a collection without a schema. */
  readonly checkSchema?: DocumentSchema.Check | undefined
  /** The view of operations. Its filter shows more than the rules if they are {@link computed}. */
  readonly view: Extract<View.View, { readonly _tag: "Masked" }>
  /** Whether a filter cannot express what is shown, so that each document has to be checked by {@link shown}. */
  readonly computed: boolean
  /** Whether functions are called for each candidate document. */
  readonly calls: boolean
  /** Whether the user may read every document. */
  readonly readsAll: boolean
  /** Whether documents may be shown in part. */
  readonly partial: boolean
  /** The readable part of a document, after the projections of filters; `undefined` if nothing is readable. */
  readonly shown: (document: Document) => Document | undefined
  /** Whether the whole document is readable. */
  readonly showsAll: (document: Document) => boolean
  /** Whether a part of these fields is hidden. */
  readonly hides: (document: Document, paths: ReadonlyArray<string>) => boolean
  /** Calls the functions of the rules for documents. Required before {@link shown} and the members below. */
  readonly prepare: (asked: Asked) => Effect.Effect<void, DatabaseError>
  /** Discards the results of functions about documents, so that they are called again. */
  readonly forget: () => void
  readonly mayInsert: (document: Document) => boolean
  readonly mayDelete: (document: Document) => boolean
  /**
   * Whether a change that reads and writes these fields is allowed. It is checked before anything is computed from the
   * document: hidden fields must not influence the result.
   */
  readonly mayChange: (document: Document, change: Footprint) => boolean
  /** Whether the result of a change that {@link mayChange} allows is allowed. */
  readonly mayUpdate: (before: Document, after: Document, change: Footprint) => boolean
}

/**
 * The documents to prepare for: stored ones, new ones, ones about to change, or a change.
 *
 * @category models
 * @since 0.1.0
 */
export type Asked =
  | { readonly _tag: "Stored" | "New" | "Changing"; readonly documents: ReadonlyArray<Document> }
  | { readonly _tag: "Changed"; readonly before: Document; readonly after: Document }

/**
 * The caller, its application and request, and how to call the functions of rules.
 *
 * @category models
 * @since 0.1.0
 */
export interface Given extends Operands.Given {}

/**
 * The rules of a collection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rules {
  readonly accessOf: (given: Given) => Effect.Effect<Access, DatabaseError>
  /** The names of the functions that the rules call. */
  readonly calls: ReadonlySet<string>
  /** The parts of roles that are closed because they are not understood. */
  readonly closed: ReadonlyArray<Operands.Closed>
}

/**
 * A rule about the caller only, such as who may call a function.
 *
 * @category models
 * @since 0.1.0
 */
export interface Gate {
  readonly allows: (given: Given) => Effect.Effect<boolean, DatabaseError>
  /** The names of the functions that it calls. */
  readonly calls: ReadonlySet<string>
}

/**
 * The unsupported part of a rule, and its position.
 *
 * @category errors
 * @since 0.1.0
 */
export type NotUnderstood = Operands.NotUnderstood

const understood = <A>(read: () => A): Result.Result<A, NotUnderstood> =>
  Result.try({
    try: read,
    catch: Operands.notUnderstood
  })

const scopeOf = (about: Operands.Scope["about"]): Operands.Scope => ({
  calls: [],
  computed: [],
  closed: [],
  marks: { change: false },
  about
})

/**
 * Compiles a rule document. An unsupported part of a role is closed, and is in `closed`; anywhere else, and if no role is
 * left, compilation fails with it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const compile = (input: unknown): Result.Result<Rules, NotUnderstood> =>
  understood(() => {
    const scope = scopeOf("document")
    return make(RuleDocuments.rule(input, scope), scope)
  })

/**
 * Compiles a rule about who may call a function, or use an action of a service; `%%args` are its arguments, or the one
 * argument.
 *
 * @category constructors
 * @since 0.1.0
 */
export const compileGate = (
  input: unknown,
  about: "arguments" | "action" = "arguments"
): Result.Result<Gate, NotUnderstood> =>
  understood(() => {
    const scope = scopeOf(about)
    const expression = RuleDocuments.optional(input, "", scope, () => true)
    return {
      calls: namesOf(scope.calls),
      allows: Effect.fnUntraced(function* (given) {
        const known: Operands.Known = { ...given, answers: new Map() }
        yield* answer(scope.calls, known)
        return expression(known) === true
      })
    }
  })

/**
 * The conjunction of two gates.
 *
 * @internal
 */
export const both = (a: Gate, b: Gate): Gate => ({
  calls: new Set([...a.calls, ...b.calls]),
  allows: (given) => Effect.flatMap(a.allows(given), (allowed) => (allowed ? b.allows(given) : Effect.succeed(false)))
})

const ofRequest = (calls: ReadonlyArray<Operands.Call>) => calls.filter(({ ofDocument }) => !ofDocument)

const make = ({ filters, roles }: RuleDocuments.RuleDocument, scope: Operands.Scope): Rules => {
  const calls = [...roles, ...filters].flatMap((it) => it.callsToApply.concat(it.calls))
  const asksOfDocuments = calls.some(({ ofDocument }) => ofDocument)
  return {
    calls: namesOf(calls),
    closed: scope.closed,
    accessOf: Effect.fnUntraced(function* (given) {
      const known: Operands.Known = { ...given, answers: new Map() }
      const considered: Array<Applied> = []
      for (const role of roles) {
        yield* answer(ofRequest(role.callsToApply), known)
        const condition = role.applies(known)
        if (condition === false) continue
        yield* answer(ofRequest(role.calls), known)
        considered.push(apply(role, condition, known, scope.marks.change))
        if (condition === true) break
      }
      const inForce: Array<RuleDocuments.Filter> = []
      for (const it of filters) {
        yield* answer(it.callsToApply, known)
        if (it.applies(known) !== true) continue
        yield* answer(ofRequest(it.calls), known)
        inForce.push(it)
      }
      return accessBy(considered, inForce, known, scope, asksOfDocuments)
    })
  }
}

const accessBy = (
  considered: ReadonlyArray<Applied>,
  inForce: ReadonlyArray<RuleDocuments.Filter>,
  known: Operands.Known,
  { computed, marks }: Operands.Scope,
  asksOfDocuments: boolean
): Access => {
  const masks = inForce.flatMap(({ mask }) => (mask === undefined ? [] : [mask]))
  const queries = Conditions.and(inForce.map(({ query }) => query(known)))
  const whole = Conditions.unchanged(Conditions.and([readableBy(considered), queries]))
  const cases = casesOf(considered, masks)
  // a filter cannot contain what is computed from a document
  const computedByRules = Conditions.mentions(whole, Operands.isComputed) || areComputed(cases)
  const readable = Conditions.weakened(whole, Operands.isComputed)
  const isSeenAsIs = computed.length === 0 && !marks.change
  const seenAs = (document: Document, old: Document | undefined): Document =>
    isSeenAsIs ? document : Operands.subject(document, old, computed, known)
  const stored = (document: Document) => seenAs(document, document)
  const passes = Conditions.holds(queries)
  const roleOf = (seen: Document) => considered.find(({ applies }) => applies(seen))
  const isShown = (seen: Document) => roleOf(seen)?.isVisible(seen) === true
  /** The role that decides about a document to change, if the caller can see it. */
  const roleOfOld = (document: Document) => {
    const seen = stored(document)
    return isShown(seen) ? considered.find(({ ofOld }) => ofOld.applies(seen)) : undefined
  }
  /** The readable fields of a document; `undefined` if nothing is readable, not even its `_id`. */
  const readsOf = (document: Document): Fields.Permission | undefined => {
    const seen = stored(document)
    const decides = roleOf(seen)
    return decides === undefined || !decides.isVisible(seen) || !passes(seen)
      ? undefined
      : masks.reduce(Fields.both, decides.readsOf(seen))
  }
  const first = considered[0]
  const ofRequestAlone = [...known.answers]

  const prepare = Effect.fnUntraced(function* (document: Document, old: Document | undefined, ofOld: boolean) {
    const seen = () => seenAs(document, old)
    const ofDocument = (calls: ReadonlyArray<Operands.Call>) =>
      calls.filter((it) => it.ofDocument && !(ofOld && it.ofChange))
    for (const it of considered) {
      yield* answer(ofDocument(it.role.callsToApply), known, seen)
      if (!(ofOld ? it.ofOld : it).applies(seen())) continue
      yield* answer(ofDocument(it.role.calls), known, seen)
      break
    }
    for (const { calls } of inForce) yield* answer(ofDocument(calls), known, seen)
  })

  return {
    everything: first !== undefined && first.everything && inForce.length === 0,
    view: { _tag: "Masked", filter: Conditions.filterOf(readable), cases },
    computed: computedByRules,
    calls: asksOfDocuments,
    readsAll: whole === true,
    partial: computedByRules || !Views.isWhole(cases),
    prepare: Effect.fnUntraced(function* (asked) {
      if (!asksOfDocuments) return
      if (asked._tag === "Changed") return yield* prepare(asked.after, asked.before, false)
      for (const document of asked.documents) {
        yield* prepare(document, asked._tag === "New" ? undefined : document, false)
        if (asked._tag === "Changing") yield* prepare(document, document, true)
      }
    }),
    forget: () => {
      known.answers.clear()
      for (const [key, value] of ofRequestAlone) known.answers.set(key, value)
    },
    shown: (document) => {
      const allowed = readsOf(document)
      if (allowed === undefined) return undefined
      return Views.masked(document, [allowed])
    },
    showsAll: (document) => Fields.readsAll(readsOf(document) ?? Fields.nothing),
    hides: (document, paths) => {
      const allowed = readsOf(document) ?? Fields.nothing
      return !paths.every((path) => Fields.readsAt(allowed, path, document))
    },
    mayInsert: (document) => {
      const seen = seenAs(document, undefined)
      const decides = roleOf(seen)
      return decides?.inserts(seen) === true && Fields.writesAll(document, decides.writesOf(seen))
    },
    mayDelete: (document) => {
      const seen = stored(document)
      const decides = roleOf(seen)
      return (
        decides?.deletes(seen) === true && decides.isVisible(seen) && Fields.writesAll(document, decides.writesOf(seen))
      )
    },
    mayChange: (document, change) => {
      const decides = roleOfOld(document)
      return (
        decides !== undefined &&
        mayName(decides.ofOld.writesOf(stored(document)), change, document) &&
        shows(readsOf(document) ?? Fields.nothing, change, document)
      )
    },
    mayUpdate: (old, made, change) => {
      const [was, becomes] = [stored(old), seenAs(made, old)]
      const [decides, after] = [roleOfOld(old), roleOf(becomes)]
      if (decides === undefined || after === undefined) return false
      // a user must not give a document away: the role of the result must allow writing it as well
      return [decides.ofOld.writesOf(was), after.writesOf(becomes)].every(
        (allowed) => Fields.writesDifference(old, made, allowed) && mayName(allowed, change, old)
      )
    }
  }
}

/** Whether a change names writable fields only. */
const mayName = (allowed: Fields.Permission, { writes }: Footprint, document: Document): boolean =>
  allowed === Fields.everything ||
  (writes !== undefined && writes.length > 0 && writes.every((path) => Fields.writesAt(allowed, path, document)))

/** Whether the result of a change is independent of hidden fields. */
const shows = (allowed: Fields.Permission, { reads, writes }: Footprint, document: Document): boolean =>
  Fields.readsAll(allowed) ||
  (reads !== undefined &&
    writes !== undefined &&
    reads.every((path) => Fields.readsAt(allowed, path, document)) &&
    writes.every((path) => Fields.opensAt(allowed, path, document)))
