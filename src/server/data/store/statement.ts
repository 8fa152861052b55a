/** Executes one operation on the collections of an in-memory database. Methods throw errors. */
import { spend } from "../../language/budget.ts"
import type { CollectionTarget, Environment } from "../../language/Environment.ts"
import type { Conditions, Filter } from "../../language/Filter.ts"
import { distinct } from "../../language/distinct.ts"
import type { Output } from "../../language/Pipeline.ts"
import { codes, invalid, LanguageError } from "../../language/LanguageError.ts"
import * as Update from "../../language/Update.ts"
import { canonical, keyOf } from "../../language/Value.ts"
import * as Evaluate from "../internal/evaluate.ts"
import { ofId } from "../Index.ts"
import {
  type Answer,
  type Delete,
  type Document,
  type FindOneAnd,
  type Kind,
  nameOf,
  type Namespace,
  type Operation,
  type UpdateResult
} from "../Operation.ts"
import type * as Options from "../Operation.ts"
import * as Views from "../internal/views.ts"
import type * as View from "../View.ts"
import type { Batch, Source } from "./batch.ts"
import type { Collections } from "./collections.ts"
import { type Collection, duplicate } from "./documents.ts"
import type { Report } from "./explain.ts"
import { writeOutput } from "./output.ts"
import type { Request } from "./plan.ts"

/** The context of statements. */
export interface Place extends Evaluate.Moment {
  readonly collections: Collections
  readonly batch: Batch
  readonly inTransaction: boolean
  /** Notes how documents are found. */
  readonly report?: Report
}

const isLimit = (failure: unknown): boolean => failure instanceof LanguageError && failure.kind === "limit"

type Query = Options.Find & Options.Viewed & Options.Restricted

/** An operation on one collection, in one step. */
class Statement {
  readonly #place: Place
  readonly #namespace: Namespace
  readonly #collection: Collection
  /** What the operation says, on its own collection. */
  readonly #said: Evaluate.Said | undefined

  constructor(place: Place, namespace: Namespace, said?: Evaluate.Said) {
    this.#place = place
    this.#namespace = namespace
    this.#collection = place.collections.open(namespace)
    this.#said = said
  }

  get #batch(): Batch {
    return this.#place.batch
  }

  /** The environment of expressions; `joins` are the views of other collections. */
  #environment(joins?: ReadonlyMap<string, View.View>): Environment {
    const at = ({ collection, database = this.#namespace.database }: CollectionTarget) => {
      const other = { ...this.#namespace, database, collection }
      return { statement: new Statement(this.#place, other), view: joins?.get(nameOf(other)) }
    }
    return Evaluate.environmentOf(this.#place, this.#said, {
      collection: (target, conditions = []) => {
        const { statement, view } = at(target)
        return statement.#source({ conditions }, view).documents
      },
      search: (target, path) => {
        const { statement, view } = at(target)
        return statement.#search(path, view)
      }
    })
  }

  /** Finds documents with values at a path by an index; `undefined` without one. */
  #search(path: string, view: View.View | undefined): ReturnType<NonNullable<Environment["search"]>> {
    const { indexes } = this.#collection.data
    if (!indexes.some(({ key, sparse }) => Object.keys(key)[0] === path && !sparse)) return undefined
    if (view !== undefined && !leavesField(view, path)) return undefined
    return (values) => this.#source({ conditions: [{ kind: "in", path, values }] }, view).documents
  }

  /** Inserts in order, up to the first rejected document; `failure` is the reason. */
  insert(documents: ReadonlyArray<Document>): { readonly ids: ReadonlyArray<unknown>; readonly failure?: unknown } {
    const ids: Array<unknown> = []
    try {
      for (const input of documents) ids.push(Evaluate.ownValue(this.add(Evaluate.stored(input))["_id"]))
      return { ids }
    } catch (failure) {
      // a failure ends a transaction, and exceeding the budget changes nothing
      if (this.#place.inTransaction || isLimit(failure)) throw failure
      return { ids, failure }
    }
  }

  /** Inserts a document in canonical form; returns the stored document. */
  add(input: Document): Document {
    const document = Update.withId(input, this.#environment())
    const id = document["_id"]
    const key = keyOf(id)
    if (this.#batch.get(this.#collection, key) !== undefined) {
      throw duplicate(ofId, [id], this.#collection.name)
    }
    this.#batch.write(this.#collection, key, { before: undefined, document })
    return document
  }

  /** The candidates of a request, or the documents of a view, computed while they are read. */
  #source(request: Request, view: View.View | undefined): Pick<Source, "documents" | "isSorted"> {
    if (view === undefined) return this.#candidates(request)
    if (view._tag === "Documents")
      return { documents: view.documents.map((it) => Evaluate.stored(it)), isSorted: false }
    // what the caller says is not said of the rules
    const filter = Evaluate.filterOf(view.filter, Evaluate.environmentOf(this.#place))
    // conditions and orders of fields that the view leaves are those of the stored documents
    const conditions = [...filter.conditions, ...visibleConditions(request.conditions, view)]
    const isVisible = request.sort?.fields.every(({ path }) => leavesField(view, path)) === true
    const { documents, isSorted } = this.#candidates({
      ...request,
      sort: isVisible ? request.sort : undefined,
      conditions
    })
    return { documents: seen(documents, filter, Views.compile(view.cases)), isSorted }
  }

  #candidates(request: Request): Pick<Source, "documents" | "isSorted"> {
    const source = this.#batch.source(this.#collection, request)
    const { report } = this.#place
    if (report === undefined) return source
    return { ...source, documents: report.counted(nameOf(this.#namespace), source, this.#said !== undefined) }
  }

  /** Compiles a query; the result finds the documents, as stored or as a view shows them. */
  #query(query: Query): { readonly filter: Filter; readonly find: () => ReadonlyArray<Document> } {
    const filter = Evaluate.filterOf(query.filter, this.#environment())
    const sort = Evaluate.sortOf(query.sort, this.#said)
    const range = Evaluate.rangeOf(query)
    const most = range[0] + range[1]
    const request = { conditions: filter.conditions, sort, limit: most === Infinity ? undefined : most }
    return {
      filter,
      find: () => {
        const { documents, isSorted } =
          query.only === undefined ? this.#source(request, query.view) : this.#only(query.only)
        return Evaluate.select(documents, filter, isSorted ? undefined : sort, range)
      }
    }
  }

  /** The document with an `_id`. */
  #only({ _id }: NonNullable<Options.Restricted["only"]>): Pick<Source, "documents" | "isSorted"> {
    const document = this.#batch.get(this.#collection, keyOf(canonical(_id)))
    return { documents: document === undefined ? [] : [document], isSorted: false }
  }

  matching(query: Query): ReadonlyArray<Document> {
    return this.#query(query).find()
  }

  find(query: Query): ReadonlyArray<Document> {
    const { filter, find } = this.#query(query)
    const project = Evaluate.projectionOf(query.projection, filter, this.#environment())
    return find().map(project)
  }

  distinct({ field, ...query }: { readonly field: string } & Query): ReadonlyArray<unknown> {
    return distinct(this.matching(query), field, this.#said?.collation).map(Evaluate.ownValue)
  }

  /** Replaces a document by a changed one; returns the stored document. */
  #change(before: Document, update: Update.Update, filter: Filter): Document {
    const { describe, document } = update.change(before, filter)
    if (document === before) return before
    this.#batch.write(this.#collection, keyOf(before["_id"]), { before, document, describe, growth: update.growth })
    return document
  }

  /** Replaces a document of the collection. */
  replace(before: Document, document: Document): void {
    this.#batch.write(this.#collection, keyOf(before["_id"]), { before, document })
  }

  update({ change, many = false, upsert = false, ...query }: Options.Update): UpdateResult {
    const update = Evaluate.changeOf(change, this.#environment(), many)
    const { filter, find } = this.#query({ ...query, ...(many ? undefined : { limit: 1 }) })
    const found = find()
    if (found.length === 0 && upsert) {
      const { _id } = this.add(Evaluate.upsertOf(update, query.filter))
      return { matchedCount: 0, modifiedCount: 0, upsertedId: Evaluate.ownValue(_id) }
    }
    let modifiedCount = 0
    for (const before of found) if (this.#change(before, update, filter) !== before) modifiedCount++
    return { matchedCount: found.length, modifiedCount }
  }

  delete({ many = false, ...query }: Delete): number {
    const found = this.matching({ ...query, ...(many ? undefined : { limit: 1 }) })
    for (const document of found) this.#remove(document)
    return found.length
  }

  #remove(document: Document): void {
    this.#batch.write(this.#collection, keyOf(document["_id"]), { before: document, document: undefined })
  }

  findOneAnd({ change, projection, returnNew = false, upsert = false, ...query }: FindOneAnd): Document | undefined {
    const update = change._tag === "Delete" ? undefined : Evaluate.changeOf(change, this.#environment())
    const { filter, find } = this.#query({ ...query, limit: 1 })
    const project = Evaluate.projectionOf(projection, filter, this.#environment())
    const [before] = find()
    if (before === undefined) {
      if (update === undefined || !upsert) return undefined
      const inserted = this.add(Evaluate.upsertOf(update, query.filter))
      return returnNew ? project(inserted) : undefined
    }
    if (update === undefined) {
      this.#remove(before)
      return project(before)
    }
    // the positional `$` of the projection refers to the document before the change
    const old = project(before)
    const after = this.#change(before, update, filter)
    return returnNew ? project(after) : old
  }

  aggregate({ joins, pipeline: stages, view }: Options.Aggregate): ReadonlyArray<Document> {
    const [first, ...rest] = stages
    const isStats = first !== undefined && Object.hasOwn(first, "$indexStats")
    const pipeline = Evaluate.pipelineOf(isStats ? rest : stages, this.#environment(joins))
    if (pipeline.output !== undefined && this.#place.inTransaction) {
      return invalid("$out and $merge are not allowed in a transaction", codes.CommandNotSupported)
    }
    const { documents, isSorted } = isStats
      ? { documents: this.#indexStats(), isSorted: false }
      : pipeline.isSource
        ? { documents: [], isSorted: false }
        : this.#source(pipeline.request, view)
    const results = pipeline.run(documents, isSorted)
    if (pipeline.output === undefined) return Array.from(results, Evaluate.own)
    writeOutput(pipeline.output, Array.from(results), this.#target(pipeline.output))
    return []
  }

  #target({ target: { collection, database = this.#namespace.database } }: Output): Statement {
    return new Statement(this.#place, { ...this.#namespace, database, collection })
  }

  #indexStats(): ReadonlyArray<Document> {
    return this.#collection.data.indexes.map(({ key, name }) => ({ name, key: { ...key } }))
  }
}

/** The documents that a view shows. */
function* seen(
  documents: Iterable<Document>,
  filter: Filter,
  show: (document: Document) => Document | undefined
): Iterable<Document> {
  for (const document of documents) {
    spend()
    const shown = filter.matches(document) ? show(document) : undefined
    if (shown !== undefined) yield shown
  }
}

/** Whether a field holds the same before a view and behind it. */
const leavesField = (view: View.View, path: string): boolean =>
  view._tag === "Masked" && Views.leavesField(view.cases, path)

/** The conditions that hold for the stored documents too. */
const visibleConditions = (conditions: Conditions, view: View.View): Conditions =>
  conditions.filter((condition) =>
    condition.kind === "any"
      ? condition.branches.every((branch) => visibleConditions(branch, view).length === branch.length)
      : leavesField(view, condition.path)
  )

/** The result of an operation, and why an `Insert` stopped early. */
interface Outcome<K extends Kind> {
  readonly answer: Answer<K>
  readonly failure?: unknown
}

const statements: { readonly [K in Kind]: (statement: Statement, operation: Operation<K>) => Outcome<K> } = {
  Insert: (statement, { documents }) => {
    const { ids, ...stopped } = statement.insert(documents)
    return { answer: ids, ...stopped }
  },
  Find: (statement, find) => ({ answer: statement.find(find) }),
  Count: (statement, find) => ({ answer: statement.matching(find).length }),
  Distinct: (statement, distinct) => ({ answer: statement.distinct(distinct) }),
  Aggregate: (statement, aggregate) => ({ answer: statement.aggregate(aggregate) }),
  Update: (statement, update) => ({ answer: statement.update(update) }),
  Delete: (statement, deletion) => ({ answer: statement.delete(deletion) }),
  FindOneAnd: (statement, find) => ({ answer: statement.findOneAnd(find) })
}

/** Executes an operation in a batch. */
export const execute = <K extends Kind>(place: Place, operation: Operation<K>): Outcome<K> =>
  statements[operation._tag](
    new Statement(place, operation.namespace, Evaluate.saidOf(place, evaluationOf(operation))),
    operation
  )

const evaluationOf = ({
  collation,
  let: variables
}: { readonly _tag: Kind } & Options.Evaluation): Options.Evaluation => ({
  collation,
  let: variables
})
