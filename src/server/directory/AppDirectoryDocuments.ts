/** Loads the documents that an exported application starts with, and the indexes of its collections. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Ejson from "../../protocol/Ejson.ts"
import { parseOptions } from "../data/Index.ts"
import { type App, type Collection, type CollectionIndex, mainSource } from "../model/App.ts"
import { AppDirectoryError, type AppFiles } from "./AppFiles.ts"

/**
 * Reads documents from `data/DATABASE/COLLECTION.json` and `data/SOURCE/DATABASE/COLLECTION.json` in the formats of
 * `mongoexport`: an array, or one per line. Reads indexes from `COLLECTION.metadata.json` beside them, as `mongodump`
 * writes it.
 *
 * @internal
 */
export const load = Effect.fnUntraced(function* (files: AppFiles, dataSources: App["dataSources"]) {
  const data: Array<Collection> = []
  const indexes: Array<CollectionIndex> = []
  const main = mainSource({ dataSources })
  for (const file of files.below("data")) {
    const [, source, database, name] = /^data\/(?:([^/]+)\/)?([^/]+)\/([^/]+)\.json$/.exec(file) ?? []
    const service = source ?? main
    if (database === undefined || name === undefined || (source !== undefined && !dataSources.has(source))) {
      files.report.push({ file, message: ignored(source) })
      continue
    }
    if (source === undefined && dataSources.size > 1) {
      files.report.push({
        file,
        message: `its documents are in the data source "${main}": name another one in data/SOURCE/DATABASE/COLLECTION.json`
      })
    }
    const collection = name.replace(/\.metadata$/, "")
    if (collection === name) data.push({ service, database, collection, documents: yield* documentsOf(files, file) })
    else for (const index of yield* indexesOf(files, file)) indexes.push({ ...index, service, database, collection })
  }
  return { data, indexes }
})

const indexesOf = Effect.fnUntraced(function* (files: AppFiles, file: string) {
  const parsed = Result.map(Ejson.parse(yield* files.text(file)), (it) =>
    Predicate.isObject(it) ? Reflect.get(it, "indexes") : undefined
  )
  if (Result.isFailure(parsed) || !Array.isArray(parsed.success)) {
    files.report.push({ file, message: "it is ignored: expected { indexes: [...] }, as mongodump writes it" })
    return []
  }
  return parsed.success.flatMap((options: unknown) => {
    try {
      return [parseOptions(options)]
    } catch (cause) {
      files.report.push({ file, message: `the index is ignored: ${cause instanceof Error ? cause.message : ""}` })
      return []
    }
  })
})

const ignored = (source: string | undefined): string =>
  source === undefined
    ? "it is ignored: expected data/DATABASE/COLLECTION.json or data/SOURCE/DATABASE/COLLECTION.json"
    : `it is ignored: the application has no data source "${source}"`

const documentsOf = Effect.fnUntraced(function* (files: AppFiles, file: string) {
  const text = (yield* files.text(file)).replace(/^\uFEFF/, "").trim()
  const documents: Array<Record<string, unknown>> = []
  const chunks = text.startsWith("[") ? [{ text, line: 1 }] : text.split("\n").map((text, i) => ({ text, line: i + 1 }))
  for (const chunk of chunks) {
    if (chunk.text.trim() === "") continue
    const parsed = Ejson.parse(chunk.text)
    if (Result.isFailure(parsed)) {
      const path = files.path(file)
      return yield* new AppDirectoryError({
        file: path,
        message: `${path}:${chunk.line} is not a list of documents: ${parsed.failure.message}`
      })
    }
    const items: ReadonlyArray<unknown> = Array.isArray(parsed.success) ? parsed.success : [parsed.success]
    documents.push(...items.filter((item): item is Record<string, unknown> => Predicate.isObject(item)))
  }
  return documents
})
