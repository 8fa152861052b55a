/** `effect-app-services documents`: documents leave a data directory as files, and arrive in it. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type { Namespace } from "../server/data/Database.ts"
import * as Export from "../server/data/files/Export.ts"
import { RowStore } from "../server/storage/RowStore.ts"
import { directory, refuse, withRowStore } from "./dataDirectory.ts"
import { app, sourceFlag, sourceOf } from "./documentFlags.ts"
import { escaped } from "./documentFolders.ts"
import { importDocuments } from "./documentImport.ts"

const exportDocuments = Command.make(
  "export",
  {
    directory,
    folder: Argument.String("folder").pipe(
      Argument.withDescription("The folder for files DATABASE/COLLECTION; - writes one collection to standard output")
    ),
    app,
    source: sourceFlag,
    collections: Flag.String("collection").pipe(
      Flag.withDescription("Only this collection: DATABASE.COLLECTION; repeatable"),
      Flag.atLeast(0)
    ),
    format: Flag.Literals("format", ["json", "bson"]).pipe(
      Flag.withDescription("Lines of canonical Extended JSON, or BSON as mongodump writes it (default: json)"),
      Flag.withDefault("json")
    )
  },
  ({ app, collections, directory, folder, format, source }) =>
    Effect.gen(function* () {
      const rowStore = yield* RowStore
      const service = yield* sourceOf(rowStore, app, source)
      const known = (yield* Export.collections(rowStore, app)).filter((it) => it.service === service)
      const chosen = collections.length === 0 ? known : known.filter((it) => collections.includes(nameOf(it)))
      const missing = collections.find((name) => !known.some((it) => nameOf(it) === name))
      if (missing !== undefined || chosen.length === 0) {
        return yield* refuse(
          `the data directory ${directory} has no documents of ${missing ?? app}: ` +
            (known.length === 0 ? `it has none of ${app} at all` : `it has those of ${known.map(nameOf).join(", ")}`)
        )
      }
      if (folder !== "-") {
        for (const namespace of chosen) yield* toFile(rowStore, namespace, folder, format)
        return
      }
      const [only, ...others] = chosen
      if (only === undefined || others.length > 0) {
        return yield* refuse(`standard output takes one collection: choose it with --collection`)
      }
      const stdio = yield* Stdio.Stdio
      yield* Effect.catch(
        Stream.run(Export.documents(rowStore, only, format), stdio.stdout({ endOnDone: false })),
        (error) => refuse(error.message, error)
      )
    }).pipe(withRowStore(directory, { create: false }))
).pipe(
  Command.withDescription("Write the documents of an application to files"),
  Command.withExamples([
    {
      command: "effect-app-services documents export ./data ./dump --app shop --format bson",
      description: "For mongorestore"
    },
    {
      command: "effect-app-services documents export ./data - --app shop --collection shop.orders",
      description: "Lines of Extended JSON"
    }
  ])
)

const nameOf = ({ collection, database }: Namespace): string => `${database}.${collection}`

/** What `mongorestore` reads beside the documents. */
const metadata = ({ collection }: Namespace): string =>
  `${JSON.stringify({
    indexes: [{ v: { $numberInt: "2" }, key: { _id: { $numberInt: "1" } }, name: "_id_" }],
    collectionName: collection,
    type: "collection",
    options: {}
  })}\n`

/** Writes a collection to new files, which are for their owner only. */
const toFile = Effect.fnUntraced(function* (
  rowStore: RowStore["Service"],
  namespace: Namespace,
  folder: string,
  format: "json" | "bson"
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const place = path.join(folder, escaped(namespace.database))
  const stem = path.join(place, escaped(namespace.collection))
  const file = `${stem}.${format === "bson" ? "bson" : "jsonl"}`
  let count = 0
  const parts = Stream.tap(Export.documents(rowStore, namespace, format), () => Effect.sync(() => count++))
  yield* Effect.gen(function* () {
    yield* fs.makeDirectory(place, { recursive: true, mode: 0o700 })
    yield* Stream.run(parts, fs.sink(file, { flag: "wx", mode: 0o600 }))
    if (format === "bson") {
      yield* fs.writeFileString(`${stem}.metadata.json`, metadata(namespace), { flag: "wx", mode: 0o600 })
    }
  }).pipe(Effect.catchTag("PlatformError", (error) => refuse(`cannot write ${file}: ${error.message}`, error)))
  yield* Console.log(`${file}: ${count} documents`)
})

/** The command. */
export const documents = Command.make("documents").pipe(
  Command.withDescription("Copy documents of a data directory to files, and from files"),
  Command.withSubcommands([exportDocuments, importDocuments])
)
