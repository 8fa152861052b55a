/** `effect-app-services documents import`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Ejson from "../protocol/Ejson.ts"
import { Database, type Namespace } from "../server/data/Database.ts"
import { parseOptions } from "../server/data/Index.ts"
import * as DocumentFile from "../server/data/files/DocumentFile.ts"
import * as Import from "../server/data/files/Import.ts"
import { RowStore } from "../server/storage/RowStore.ts"
import { directory, refuse, withRowStore } from "./dataDirectory.ts"
import * as Folders from "./documentFolders.ts"
import { app, sourceOf, sourceFlag } from "./documentFlags.ts"

const Event = Schema.Union([
  Schema.Struct({
    event: Schema.Literal("refused"),
    file: Schema.String,
    place: Schema.String,
    problem: Schema.String
  }),
  Schema.Struct({
    event: Schema.Literals(["skipped", "index", "option"]),
    file: Schema.String,
    problem: Schema.String
  }),
  Schema.Struct({
    event: Schema.Literal("imported"),
    database: Schema.String,
    collection: Schema.String,
    written: Schema.Int,
    refused: Schema.Int
  })
])
const encode = Schema.encodeEffect(Schema.fromJsonString(Event))

/** Prints what happened: results to standard output, and what was left out to standard error. */
const tell = (json: boolean) => (event: typeof Event.Type) => {
  if (json) return Effect.flatMap(Effect.orDie(encode(event)), (line) => Console.log(line))
  switch (event.event) {
    case "imported":
      return Console.log(
        `${event.database}.${event.collection}: ${event.written} documents imported` +
          (event.refused === 0 ? "" : `, ${event.refused} refused`)
      )
    case "refused":
      return Console.error(`${event.file}, ${event.place}: ${event.problem}`)
    case "skipped":
    case "index":
    case "option":
      return Console.error(`${event.file}: ${event.problem}`)
  }
}

type Tell = ReturnType<typeof tell>

/** The command. */
export const importDocuments = Command.make(
  "import",
  {
    directory,
    files: Argument.String("file").pipe(
      Argument.withDescription(
        "A folder of mongodump, or a file of it or of mongoexport: DATABASE/COLLECTION.bson, .json or .jsonl, also with .gz"
      ),
      Argument.variadic({ min: 1 })
    ),
    app,
    source: sourceFlag,
    collection: Flag.String("collection").pipe(
      Flag.withDescription("The collection of a single file: DATABASE.COLLECTION (default: by folder and file name)"),
      Flag.optional
    ),
    application: Flag.String("application").pipe(
      Flag.withDescription(
        "The folder of the exported application, which gets the indexes and declares them at its start"
      ),
      Flag.optional
    ),
    upsert: Flag.Boolean("upsert").pipe(
      Flag.withDescription("Replace documents of the same _id, so that an import can be repeated"),
      Flag.withDefault(false)
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print lines of JSON, for scripts"), Flag.withDefault(false))
  },
  ({ app, application, collection, directory, files, json, source, upsert }) =>
    Effect.gen(function* () {
      const { skipped, sources } = yield* Effect.catch(Folders.find(files), (error) => refuse(error.message, error))
      const chosen = yield* named(sources, collection)
      const say = tell(json)
      for (const { file, why } of skipped) yield* say({ event: "skipped", file, problem: why })
      if (chosen.length === 0) return yield* refuse("nothing was imported: there is no file of documents")
      const refused = yield* Effect.gen(function* () {
        const service = yield* sourceOf(yield* RowStore, app, source)
        let refused = 0
        const target = { appId: app, service, upsert, application: Option.getOrUndefined(application), say }
        for (const it of chosen) refused += yield* one(it, target)
        return refused
      }).pipe(Effect.provide(Database.layer), withRowStore(directory))
      if (refused > 0) return yield* refuse(`${refused} documents were refused, and the others imported`)
    })
).pipe(
  Command.withDescription("Add documents from files of mongodump or mongoexport to a data directory"),
  Command.withExamples([
    { command: "effect-app-services documents import ./data ./dump --app shop", description: "A folder of mongodump" },
    {
      command: "effect-app-services documents import ./data orders.json --app shop --collection shop.orders --upsert",
      description: "A file of mongoexport, once more"
    }
  ])
)

/** The files with their collections, of which one may be named. */
const named = Effect.fnUntraced(function* (sources: ReadonlyArray<Folders.Source>, collection: Option.Option<string>) {
  if (Option.isNone(collection)) return sources
  const [, database, name] = /^([^.]+)\.(.+)$/.exec(collection.value) ?? []
  if (database === undefined || name === undefined) {
    return yield* refuse(`invalid --collection "${collection.value}": expected DATABASE.COLLECTION`)
  }
  if (sources.length !== 1) return yield* refuse("--collection names that of a single file: there are several")
  return sources.map((it) => ({ ...it, database, collection: name }))
})

interface Target {
  readonly appId: string
  readonly service: string
  readonly upsert: boolean
  /** The folder of the exported application. */
  readonly application: string | undefined
  readonly say: Tell
}

/** Imports a file. Answers with how many documents were refused. */
const one = Effect.fnUntraced(function* (
  { collection, database: name, file, format, metadata }: Folders.Source,
  { appId, application, say, service, upsert }: Target
) {
  const database = yield* Database
  const namespace = { appId, service, database: name, collection }
  if (metadata !== undefined) yield* declare(metadata, namespace, { application, say })
  let broken = 0
  const found = Folders.content(file).pipe(
    DocumentFile.read(format),
    Stream.catch((problem) => {
      broken++
      return Stream.fromEffectDrain(say({ event: "refused", file, place: "the rest", problem }))
    })
  )
  const { refused, written } = yield* Import.write(database, namespace, found, {
    upsert,
    onRefused: (place, problem) => say({ event: "refused", file, place, problem })
  })
  yield* say({ event: "imported", database: name, collection, written, refused: refused + broken })
  return refused + broken
})

const Metadata = Schema.Struct({
  indexes: Schema.optionalKey(Schema.Array(Schema.Record(Schema.String, Schema.Unknown))),
  options: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
})

/** Creates the indexes of a collection for the import, so that unique ones hold, and names what is not supported. */
const declare = Effect.fnUntraced(function* (
  file: string,
  namespace: Namespace,
  { application, say }: Pick<Target, "application" | "say">
) {
  const database = yield* Database
  const text = yield* Effect.option(Stream.mkString(Stream.decodeText(Folders.content(file))))
  const metadata = Option.flatMap(text, (it) =>
    Option.flatMap(Option.getSuccess(Ejson.parse(it)), Schema.decodeUnknownOption(Metadata))
  )
  if (Option.isNone(metadata)) {
    return yield* say({ event: "index", file, problem: "is not metadata of mongodump: indexes are left out" })
  }
  const { indexes = [], options = {} } = metadata.value
  const supported: Array<string> = []
  for (const index of indexes) {
    const label = String(index["name"])
    if (label === "_id_") continue
    const parsed = Effect.try({
      try: () => parseOptions(index),
      catch: (cause) => ({ message: cause instanceof Error ? cause.message : String(cause) })
    })
    yield* Effect.matchEffect(
      Effect.flatMap(parsed, (options) => database.index(namespace, options)),
      {
        onSuccess: () => Effect.sync(() => supported.push(label)),
        onFailure: ({ message }) => say({ event: "index", file, problem: `the index ${label} is left out: ${message}` })
      }
    )
  }
  if (supported.length > 0) {
    const problem =
      application === undefined
        ? "the data directory does not keep indexes: name the exported application with --application, " +
          `which then declares ${supported.join(", ")}`
        : yield* keep(
            application,
            namespace,
            supported,
            Option.getOrElse(text, () => "")
          )
    yield* say({ event: "index", file, problem })
  }
  for (const option of Object.keys(options).filter((name) => name !== "uuid")) {
    yield* say({ event: "option", file, problem: `the option ${option} of the collection has no effect here` })
  }
})

/** Copies metadata into an exported application, unless it has some of that collection. Answers with what happened. */
const keep = Effect.fnUntraced(function* (
  application: string,
  { collection, database }: Namespace,
  supported: ReadonlyArray<string>,
  text: string
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  // a name comes from that of a file in the dump, and must not lead elsewhere
  if ([database, collection].some((name) => /[/\\\0]|^\.+$/.test(name))) {
    return `${supported.join(", ")} cannot be declared: ${database}.${collection} is not the name of a file`
  }
  const folder = path.join(application, "data", database)
  const file = path.join(folder, `${collection}.metadata.json`)
  return yield* Effect.match(
    Effect.andThen(fs.makeDirectory(folder, { recursive: true }), fs.writeFileString(file, text, { flag: "wx" })),
    {
      onSuccess: () => `${file} declares ${supported.join(", ")}`,
      onFailure: ({ reason }) => `${supported.join(", ")} could not be declared in ${file}: ${reason._tag}`
    }
  )
})
