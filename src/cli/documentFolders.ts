/** Files of documents in folders, as `mongodump` and `mongoexport` write them: which collection a file is of. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Stream from "effect/Stream"
import { createReadStream } from "node:fs"
import { pipeline } from "node:stream"
import { createGunzip } from "node:zlib"
import type { Format } from "../server/data/files/DocumentFile.ts"

/** A collection by its names. */
export interface Name {
  readonly database: string
  readonly collection: string
}

/** A file of documents. */
export interface Source extends Name {
  readonly file: string
  readonly format: Format
  /** The file with the indexes and options of the collection. */
  readonly metadata: string | undefined
}

/** What is in folders: files of documents, and files that are left out with the reason. */
export interface Sources {
  readonly sources: ReadonlyArray<Source>
  readonly skipped: ReadonlyArray<{ readonly file: string; readonly why: string }>
}

const suffix = /\.(bson|jsonl?|ndjson)(?:\.gz)?$/
const metadataSuffix = /\.metadata\.json(?:\.gz)?$/

/** Databases of a cluster itself. */
const systems = new Set(["admin", "config", "local"])

/** The name of a collection by that of a file, in which `mongodump` escapes characters. */
const nameOf = (stem: string): string => {
  try {
    return decodeURIComponent(stem)
  } catch {
    return stem
  }
}

/** The name of a file or folder for a name. */
export const escaped = (name: string): string =>
  encodeURIComponent(name).replace(/^\.+$/, (dots) => "%2E".repeat(dots.length))

/** The files of documents below paths, each of which is a file or a folder. */
export const find = Effect.fnUntraced(function* (paths: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const sources: Array<Source> = []
  const skipped: Array<{ readonly file: string; readonly why: string }> = []

  const take = (file: string, siblings: ReadonlyArray<string>) => {
    const base = path.basename(file)
    const database = path.basename(path.dirname(path.resolve(file)))
    if (metadataSuffix.test(base) || base === "prelude.json" || base === "prelude.json.gz") return
    const format = suffix.exec(base)?.[1]
    const stem = base.replace(suffix, "")
    const collection = nameOf(stem)
    if (format === undefined) skipped.push({ file, why: "is neither BSON nor JSON by its name" })
    else if (base.startsWith("oplog.bson")) skipped.push({ file, why: "is the log of a replica set" })
    else if (collection.startsWith("system.")) skipped.push({ file, why: "is a collection of MongoDB's own" })
    else if (systems.has(database)) skipped.push({ file, why: `is of the database "${database}" of a cluster itself` })
    else {
      const metadata = siblings.find((name) => metadataSuffix.test(name) && name.replace(metadataSuffix, "") === stem)
      sources.push({
        file,
        database,
        collection,
        format: format === "bson" ? "bson" : "json",
        metadata: metadata === undefined ? undefined : path.join(path.dirname(file), metadata)
      })
    }
  }

  const walk: (place: string) => Effect.Effect<void, Effect.Error<ReturnType<typeof fs.stat>>> = Effect.fnUntraced(
    function* (place) {
      const { type } = yield* fs.stat(place)
      if (type !== "Directory") return take(place, yield* fs.readDirectory(path.dirname(path.resolve(place))))
      const names = (yield* fs.readDirectory(place)).toSorted()
      for (const name of names) {
        const child = path.join(place, name)
        if ((yield* fs.stat(child)).type === "Directory") yield* walk(child)
        else take(child, names)
      }
    }
  )
  for (const place of paths) yield* walk(place)
  return { sources, skipped } satisfies Sources
})

/** The bytes of a file, unpacked if its name ends with `.gz`. Fails with what is wrong. */
export const content = (file: string): Stream.Stream<Uint8Array, string> =>
  Stream.suspend(() => {
    const raw = createReadStream(file)
    // a failure of one ends both, and reading tells it
    const bytes: AsyncIterable<Uint8Array> = file.endsWith(".gz") ? pipeline(raw, createGunzip(), () => {}) : raw
    return Stream.fromAsyncIterable(bytes, (cause) => (cause instanceof Error ? cause.message : String(cause)))
  })
