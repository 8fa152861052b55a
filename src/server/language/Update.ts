/**
 * Compiles updates: modifiers, a replacement, or a pipeline. Whatever is wrong with an update itself is refused when it
 * is compiled, before there is a document; what the data does not allow is refused when it is applied.
 */
import { checkDepth } from "./depth.ts"
import type { Environment } from "./Environment.ts"
import type { Filter } from "./Filter.ts"
import { codes, failed, invalid, unsupported } from "./LanguageError.ts"
import { compileTransform } from "./stages/transforms.ts"
import * as ArrayFilters from "./updates/arrayFilters.ts"
import { changed } from "./updates/apply.ts"
import { arrayModifiers, pull } from "./updates/arrays.ts"
import type { Context } from "./updates/context.ts"
import * as Description from "./updates/description.ts"
import type { UpdateDescription } from "./updates/description.ts"
import { identical } from "./updates/identical.ts"
import { keepingId, withId, withIdFirst } from "./updates/ids.ts"
import { modifiers } from "./updates/modifiers.ts"
import type { Modifier } from "./updates/modifiers.ts"
import { renamed, renamesOf } from "./updates/renames.ts"
import type { Rename } from "./updates/renames.ts"
import { arranged, fields, insert } from "./updates/tree.ts"
import type { Node } from "./updates/tree.ts"
import { documentOf, equalities } from "./updates/upsert.ts"
import { isOfOperators } from "./specifications.ts"
import { isDocument, typeOf } from "./Value.ts"
import type { Document, Value } from "./Value.ts"
import { scopeOf } from "./Expression.ts"

export { withId } from "./updates/ids.ts"
export { between as describe } from "./updates/description.ts"
export type { UpdateDescription } from "./updates/description.ts"

/** A document after an update, and what the update changed. */
export interface Changed {
  /** The same object as before where nothing changed. */
  readonly document: Document
  readonly description: UpdateDescription
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
    change: describing(apply),
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

const describing =
  (apply: (document: Document) => Document) =>
  (document: Document): Changed => {
    const after = apply(document)
    return { document: after, description: Description.between(document, after) }
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
  const run = (document: Document): Document => checkDepth(steps.reduce((it, step) => step(it), document))
  const apply = (document: Document): Document => {
    const after = keepingId(document, run(document), true)
    return identical(document, after) ? document : after
  }
  return {
    kind: "pipeline",
    usesMatch: false,
    apply,
    change: describing(apply),
    upserted: (query) => {
      const start = documentOf(query)
      return withId(keepingId(start, run(start), true), environment)
    }
  }
}

// modifiers

interface Modifiers {
  readonly root: Node
  readonly renames: ReadonlyArray<Rename>
}

const modifierOf = (operator: string, environment: Environment): Modifier => {
  if (operator === "$pull") return pull(environment)
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
    const modifier = operator === "$rename" ? undefined : modifierOf(operator, environment)
    if (!isDocument(argument)) {
      return invalid(
        `Modifiers operate on fields but we found type ${typeOf(argument)} instead. For example: {$mod: {<field>: ...}} not {${operator}: ${typeOf(argument)}}`,
        codes.FailedToParse
      )
    }
    if (modifier === undefined) renames = renamesOf(argument, root)
    else for (const [path, value] of Object.entries(argument)) insert(root, path, modifier(value, path))
    paths.push(...Object.keys(argument))
  }
  ArrayFilters.checkUse(paths, ArrayFilters.compile(options.arrayFilters ?? [], environment).names)
  return { root: arranged(root), renames }
}

const compileModifiers = (update: Document, options: Options, environment: Environment): Update => {
  const { root, renames } = compileTree(update, options, environment)
  const { selects } = ArrayFilters.compile(options.arrayFilters ?? [], environment)
  const run = (document: Document, context: Context): Document => {
    const set = changed(root, document, context)
    const made = isDocument(set) ? set : document
    return renames.length === 0 ? made : checkDepth(renames.reduce((it, rename) => renamed(it, rename, context), made))
  }
  const contextOf = (
    document: Document,
    filter: Pick<Filter, "matchedIndex"> | undefined,
    told: Context["changed"]
  ): Context => ({
    document,
    now: environment.now,
    inserts: false,
    matched: () => {
      const index = filter?.matchedIndex(document)
      return index === undefined || index < 0
        ? failed("The positional operator did not find the match needed from the query.")
        : String(index)
    },
    selects,
    path: [],
    changed: told
  })
  const withContext = (document: Document, context: Context): Document => {
    const after = run(document, context)
    return after === document ? document : keepingId(document, after, false)
  }
  return {
    kind: "modifiers",
    usesMatch: ArrayFilters.hasPositional(root),
    apply: (document, filter) => withContext(document, contextOf(document, filter, undefined)),
    change: (document, filter) => {
      const { changes, changed: told } = Description.recorder()
      return { document: withContext(document, contextOf(document, filter, told)), description: changes }
    },
    upserted: (query) => {
      const start = documentOf(query)
      const after = run(start, { ...contextOf(start, undefined, undefined), inserts: true })
      return withId(keepingId(start, after, false), environment)
    }
  }
}
