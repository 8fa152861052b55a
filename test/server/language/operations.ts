/** Runs updates and pipelines for the tests of the language. */
import { ObjectId } from "bson"
import * as Collation from "../../../src/server/language/Collation.ts"
import type { Environment } from "../../../src/server/language/Environment.ts"
import * as Filter from "../../../src/server/language/Filter.ts"
import * as Pipeline from "../../../src/server/language/Pipeline.ts"
import * as Update from "../../../src/server/language/Update.ts"
import { canonical } from "../../../src/server/language/Value.ts"
import type { Document } from "../../../src/server/language/Value.ts"

/** An id that the tests' environment makes. */
export const madeId = new ObjectId("64b7abdecf2160b649ab6085")

export const now = new Date("2024-02-29T10:20:30.456Z")

/** A world of some collections, in which chance is always the same. */
const environmentOf = (
  collections: Record<string, ReadonlyArray<Document>> = {},
  variables: Document = {},
  collation?: Document
): Environment => ({
  now,
  random: () => 0.5,
  objectId: () => madeId,
  collection: ({ collection }) => collections[collection] ?? [],
  variables,
  ...(collation && { collation: Collation.compile(collation) })
})

const canonicalDocument = (document: Document): Document => canonical(document) as Document

/** What comes out of a pipeline. */
export const aggregate = (
  documents: ReadonlyArray<Document>,
  pipeline: ReadonlyArray<Document>,
  collections: Record<string, ReadonlyArray<Document>> = {},
  variables: Document = {},
  collation?: Document
): ReadonlyArray<Document> => [
  ...Pipeline.compile(canonical(pipeline), environmentOf(collections, variables, collation)).run(
    documents.map(canonicalDocument)
  )
]

/** A document after an update. */
export const updated = (
  document: Document,
  update: Document | ReadonlyArray<Document>,
  options: {
    readonly filter?: Document
    readonly arrayFilters?: ReadonlyArray<Document>
    readonly collation?: Document
  } = {}
): Document => {
  const environment = environmentOf({}, {}, options.collation)
  const filter = Filter.compile(canonical(options.filter ?? {}), { environment })
  const compiled = Update.compile(canonical(update), { arrayFilters: options.arrayFilters }, environment)
  return compiled.apply(canonicalDocument(document), filter)
}

/** What an update says that it changed. */
export const described = (
  document: Document,
  update: Document | ReadonlyArray<Document>,
  options: { readonly arrayFilters?: ReadonlyArray<Document> } = {}
) => {
  const before = canonicalDocument(document)
  const { describe, document: after } = Update.compile(canonical(update), options, environmentOf()).change(before)
  return describe?.(before, after)
}

/** The document that an upsert inserts. */
export const upserted = (query: Document, update: Document | ReadonlyArray<Document>): Document =>
  Update.compile(canonical(update), {}, environmentOf()).upserted(canonicalDocument(query))

/** Compiles an update, and sees no document. */
export const compileUpdate = (
  update: unknown,
  options: { readonly arrayFilters?: ReadonlyArray<Document>; readonly kind?: "update" | "replacement" } = {}
) => Update.compile(update, options, environmentOf())

/** Compiles a pipeline, and sees no document. */
export const compilePipeline = (pipeline: unknown) => Pipeline.compile(pipeline, environmentOf())
