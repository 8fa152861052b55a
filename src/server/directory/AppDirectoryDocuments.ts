/** Loads the documents that an exported application starts with. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Ejson from "../../protocol/Ejson.ts"
import { type App, type Collection, mainSource } from "../model/App.ts"
import { AppDirectoryError, type AppFiles } from "./AppFiles.ts"

/**
 * Reads documents from `data/DATABASE/COLLECTION.json` and `data/SOURCE/DATABASE/COLLECTION.json` in the formats of
 * `mongoexport`: an array, or one per line.
 *
 * @internal
 */
export const load = Effect.fnUntraced(function* (files: AppFiles, dataSources: App["dataSources"]) {
  const collections: Array<Collection> = []
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
    collections.push({ service, database, collection: name, documents: yield* documentsOf(files, file) })
  }
  return collections
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
