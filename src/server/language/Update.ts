/**
 * Compiles updates: modifiers, a replacement, or a pipeline. Whatever is wrong with an update itself is refused when it
 * is compiled, before there is a document; what the data does not allow is refused when it is applied.
 */
import { checkDepth, mayNest } from "./depth.ts"
import type { Environment } from "./Environment.ts"
import type { Filter } from "./Filter.ts"
import { growth, growthOfField } from "./growth.ts"
import { codes, failed, invalid, unsupported } from "./LanguageError.ts"
import { compileTransform } from "./stages/transforms.ts"
import * as ArrayFilters from "./updates/arrayFilters.ts"
import { changed } from "./updates/apply.ts"
import { arrayModifiers } from "./updates/arrays.ts"
import type { Context, Fields, Node } from "./updates/tree.ts"
import { changesOf, type Chosen } from "./updates/changes.ts"
import { describe, type UpdateDescription } from "./updates/description.ts"
import { logged } from "./updates/differences.ts"
import { identical } from "./updates/identical.ts"
import { keepingId, withId, withIdFirst } from "./updates/ids.ts"
import { modifiers } from "./updates/modifiers.ts"
import type { Modifier } from "./updates/modifiers.ts"
import { renamed, renamesOf } from "./updates/renames.ts"
import type { Rename } from "./updates/renames.ts"
import { arrangedFields, fields, insert } from "./updates/tree.ts"
import { documentOf, equalities } from "./updates/upsert.ts"
import { isOfOperators } from "./specifications.ts"
import { isDocument, typeOf } from "./Value.ts"
import type { Document, Value } from "./Value.ts"
import { scopeOf } from "./Expression.ts"

export { withId } from "./updates/ids.ts"
export { between as describe } from "./updates/differences.ts"
export type { UpdateDescription } from "./updates/description.ts"

/**
 * Describes what an update changed in a document, when that is asked for: `undefined` where MongoDB tells the whole
 * document instead, since the description takes as many bytes.
 */
export type Describe = (before: Document, after: Document) => UpdateDescription | undefined

/** A document after an update, and what the update changed. */
export interface Changed {
  /** The same object as before where nothing changed. */
  readonly document: Document
  /** Absent for a replacement, which MongoDB never describes. */
  readonly describe?: Describe
}

/** A compiled update. */
export interface Update {
  readonly kind: "modifiers" | "replacement" | "pipeline"
  /** Whether it has the positional `$`, and so needs the filter that found the document. */
  readonly usesMatch: boolean
  /** The document after the update: the same object where nothing changes. */
  readonly apply: (document: Document, filter?: Pick<Filter, "matchedIndex">) => Document
  /** As `apply`, with what changed. */
  readonly change: (document: Document, filter?: Pick<Filter, "matchedIndex">) => Changed
  /**
   * The bytes in BSON that a document has more after the update. Throws if it became nested too deeply to be stored.
   */
  readonly growth: (before: Document, after: Document) => number
  /** The document that an upsert inserts: with an `_id`, as its first field. */
  readonly upserted: (query: Document) => Document
}

/** What an update may be compiled with. */
export interface Options {
  /** Which elements `$[name]` stands for. */
  readonly arrayFilters?: Value
  /** Which kinds of updates are taken: all, by default. */
  readonly kind?: "update" | "replacement" | undefined
}

/** Compiles an update. */
export const compile = (update: Value, options: Options, environment: Environment): Update => {
  if (Array.isArray(update)) return compilePipeline(update, options, environment)
  if (!isDocument(update)) {
    return invalid(`An update is a document or a pipeline, and not of type ${typeOf(update)}`, codes.FailedToParse)
  }
  const isModifiers = isOfOperators(update)
  if (isModifiers && options.kind !== "replacement") return compileModifiers(update, options, environment)
  if (options.kind === "update") {
    return invalid("An update must contain update operators: replace the document instead", codes.FailedToParse)
  }
  return compileReplacement(update, options, environment)
}

// replacements

const compileReplacement = (update: Document, options: Options, environment: Environment): Update => {
  const name = Object.keys(update).find((key) => key.startsWith("$"))
  if (name !== undefined) {
    invalid(
      `The dollar ($) prefixed field '${name}' in '${name}' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith.`,
      codes.DollarPrefixedFieldName
    )
  }
  ArrayFilters.compile(options.arrayFilters ?? [], environment)
  const apply = (document: Document): Document => {
    const after = keepingId(document, update, true)
    return identical(document, after) ? document : after
  }
  return {
    kind: "replacement",
    usesMatch: false,
    apply,
    change: (document) => ({ document: apply(document) }),
    growth,
    upserted: (query) => {
      if (Object.hasOwn(update, "_id")) return withId(update, environment)
      const { _id: id } = documentOf(idOnly(query))
      return id === undefined ? withId(update, environment) : withId(withIdFirst(update, id), environment)
    }
  }
}

/** The part of a filter that says what the `_id` is. */
const idOnly = (query: Document): Document => {
  const found = equalities(query)
  return found.has("_id") ? { _id: { $eq: found.get("_id") } } : {}
}

// pipelines

const compilePipeline = (stages: ReadonlyArray<Value>, options: Options, environment: Environment): Update => {
  if (options.kind === "replacement") invalid("A replacement is a document, and no pipeline", codes.FailedToParse)
  const { arrayFilters } = options
  if (arrayFilters !== undefined && !(Array.isArray(arrayFilters) && arrayFilters.length === 0)) {
    invalid("arrayFilters may not be specified for pipeline-style updates", codes.FailedToParse)
  }
  const scope = scopeOf(environment)
  const steps = stages.map((stage) => compileTransform(stage, scope, environment, "an update"))
  const check = mayNest(stages) ? checkDepth : (document: Document) => document
  const run = (document: Document): Document => check(steps.reduce((it, step) => step(it), document))
  const apply = (document: Document): Document => {
    const after = keepingId(document, run(document), true)
    return identical(document, after) ? document : after
  }
  return {
    kind: "pipeline",
    usesMatch: false,
    apply,
    change: (document) => ({ document: apply(document), describe: logged }),
    growth,
    upserted: (query) => {
      const start = documentOf(query)
      return withId(keepingId(start, run(start), true), environment)
    }
  }
}

// modifiers

interface Modifiers {
  readonly root: Fields
  readonly renames: ReadonlyArray<Rename>
}

const modifierOf = (operator: string): Modifier => {
  const found = modifiers[operator] ?? arrayModifiers[operator]
  if (found !== undefined && operator.startsWith("$")) return found
  return invalid(
    `Unknown modifier: ${operator}. Expected a valid update modifier or pipeline-style update specified as an array`,
    codes.FailedToParse
  )
}

const compileTree = (update: Document, options: Options, environment: Environment): Modifiers => {
  const root = fields()
  const paths: Array<string> = []
  let renames: ReadonlyArray<Rename> = []
  for (const [operator, argument] of Object.entries(update)) {
    if (operator === "$pushAll") unsupported("$pushAll", "use $push with $each")
    const modifier = operator === "$rename" ? undefined : modifierOf(operator)
    if (!isDocument(argument)) {
      return invalid(
        `Modifiers operate on fields but we found type ${typeOf(argument)} instead. For example: {$mod: {<field>: ...}} not {${operator}: ${typeOf(argument)}}`,
        codes.FailedToParse
      )
    }
    if (modifier === undefined) renames = renamesOf(argument, root)
    else for (const [path, value] of Object.entries(argument)) insert(root, path, modifier(value, path, environment))
    paths.push(...Object.keys(argument))
  }
  ArrayFilters.checkUse(paths, ArrayFilters.compile(options.arrayFilters ?? [], environment).names)
  return { root: arrangedFields(root), renames }
}

const compileModifiers = (update: Document, options: Options, environment: Environment): Update => {
  const { root, renames } = compileTree(update, options, environment)
  const { selects } = ArrayFilters.compile(options.arrayFilters ?? [], environment)
  const run = (document: Document, context: Context): Document => {
    const set = changed(root, document, context)
    const made = isDocument(set) ? set : document
    return renames.length === 0 ? made : checkDepth(renames.reduce((it, rename) => renamed(it, rename, context), made))
  }
  // one for all documents, which are changed one after the other
  const context: Context = {
    document: {},
    now: environment.now,
    inserts: false,
    matched: noMatch,
    selects,
    path: [],
    chosen: undefined
  }
  const usesMatch = ArrayFilters.hasPositional(root)
  const mayChangeId = root.children.has("_id")
  const apply = (
    document: Document,
    filter?: Pick<Filter, "matchedIndex">,
    chosen?: Map<string, ReadonlyMap<string, Node>>
  ): Document => {
    context.document = document
    context.chosen = chosen
    context.path.length = 0
    if (usesMatch) context.matched = () => matchOf(document, filter)
    const after = run(document, context)
    return after === document || !mayChangeId ? after : keepingId(document, after, false)
  }
  const describeAll = describing(root)
  return {
    kind: "modifiers",
    usesMatch,
    apply: (document, filter) => apply(document, filter),
    change: ArrayFilters.isStatic(root)
      ? (document) => ({ document: apply(document), describe: describeAll })
      : (document, filter) => {
          const chosen: Map<string, ReadonlyMap<string, Node>> = new Map()
          const after = apply(document, filter, chosen)
          return { document: after, describe: describeNow(root, document, after, chosen) }
        },
    growth: (before, after) => growthIn(root, before, after, 0),
    upserted: (query) => {
      const start = documentOf(query)
      const after = run(start, { ...context, document: start, matched: noMatch, path: [], inserts: true })
      return withId(keepingId(start, after, false), environment)
    }
  }
}

const noMatch = (): never => failed("The positional operator did not find the match needed from the query.")

/** The number of the element that the positional `$` stands for. */
const matchOf = (document: Document, filter: Pick<Filter, "matchedIndex"> | undefined): string => {
  const index = filter?.matchedIndex(document)
  return index === undefined || index < 0 ? noMatch() : String(index)
}

/** Events keep it, and with it nothing but the tree. */
const describing =
  (root: Fields): Describe =>
  (before, after) =>
    describe(changesOf(root, before, after))

/** What array filters chose is not kept, nor evaluated again. */
const describeNow = (root: Fields, before: Document, after: Document, chosen: Chosen): Describe => {
  const description = describe(changesOf(root, before, after, chosen))
  return () => description
}

/** The growth of a document by modifiers: only their places are looked at. */
const growthIn = (node: Node, before: Document, after: Document, level: number): number => {
  if (node.kind !== "fields" || node.positional !== undefined) return growth(before, after, level)
  let grown = 0
  for (const [name, child] of node.list) {
    const was = Object.hasOwn(before, name) ? before[name] : undefined
    const is = Object.hasOwn(after, name) ? after[name] : undefined
    if (Object.is(was, is)) continue
    grown +=
      isDocument(was) && isDocument(is) ? growthIn(child, was, is, level + 1) : growthOfField(name, was, is, level + 1)
  }
  return grown
}
