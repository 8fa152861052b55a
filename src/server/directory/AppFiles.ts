/**
 * Reads the files of an application directory, and keeps the list of what its operator should know.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type { Notice } from "../App.ts"
import * as JsonText from "./JsonText.ts"

/**
 * A directory that cannot be served. The message names the file, and the place in it where there is one.
 *
 * @category errors
 * @since 0.1.0
 */
export class AppDirectoryError extends Schema.TaggedError<AppDirectoryError>(
  "effect-app-services/server/directory/AppDirectoryError"
)("AppDirectoryError", { message: Schema.String, file: Schema.String }) {}

/**
 * The files below a directory; paths are relative to it, with forward slashes.
 *
 * @category models
 * @since 0.1.0
 */
export interface AppFiles {
  readonly root: string
  readonly report: Array<Notice>
  readonly all: ReadonlyArray<string>
  readonly has: (file: string) => boolean
  /** The files below a folder, without those of packages. */
  readonly below: (folder: string) => ReadonlyArray<string>
  readonly text: (file: string) => Effect.Effect<string, AppDirectoryError>
  /** A JSON file by a schema; an absent or empty one is nothing. */
  readonly json: <A, I>(file: string, schema: Schema.Codec<A, I>) => Effect.Effect<A | undefined, AppDirectoryError>
  /** The absolute path of a file. */
  readonly path: (file: string) => string
}

const parseJson = Schema.decodeEffect(Schema.fromJsonString(Schema.Unknown))
const issues = SchemaIssue.makeFormatterStandardSchemaV1()

/**
 * Lists a directory.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = path.resolve(directory)
  const unreadable = (file: string) => (error: PlatformError.PlatformError) =>
    new AppDirectoryError({ file, message: `${file} cannot be read: ${error.reason._tag}` })

  const info = yield* Effect.option(fs.stat(root))
  if (Option.isNone(info)) return yield* new AppDirectoryError({ file: root, message: `${root} does not exist` })
  if (info.value.type !== "Directory")
    return yield* new AppDirectoryError({ file: root, message: `${root} is not a directory` })

  const list = (folder: string): Effect.Effect<Array<string>, AppDirectoryError> =>
    Effect.gen(function* () {
      const files: Array<string> = []
      const names = yield* Effect.mapError(
        fs.readDirectory(path.join(root, folder)),
        unreadable(folder === "" ? root : folder)
      )
      for (const name of names.toSorted()) {
        if (name === "node_modules" || name.startsWith(".")) continue
        const file = folder === "" ? name : `${folder}/${name}`
        const entry = yield* Effect.option(fs.stat(path.join(root, file)))
        if (Option.isNone(entry)) continue
        if (entry.value.type === "Directory") files.push(...(yield* list(file)))
        else if (entry.value.type === "File") files.push(file)
      }
      return files
    })
  const all = yield* list("")
  const files = new Set(all)
  const report: Array<Notice> = []

  const text = (file: string) => Effect.mapError(fs.readFileString(path.join(root, file)), unreadable(file))

  const json = Effect.fnUntraced(function* <A, I>(file: string, schema: Schema.Codec<A, I>) {
    if (!files.has(file)) return undefined
    const absolute = path.join(root, file)
    // exports made on Windows may begin with a byte order mark
    const content = (yield* text(file)).replace(/^\uFEFF/, "")
    if (content.trim() === "") {
      report.push({ file, message: "the file is empty: nothing was read from it" })
      return undefined
    }
    const parsed = yield* parseJson(content).pipe(
      Effect.mapError(() => {
        const { column, line, message } = JsonText.problem(content)
        return new AppDirectoryError({
          file: absolute,
          message: `${absolute}:${line}:${column} is not JSON: ${message}`
        })
      })
    )
    return yield* Effect.mapError(Schema.decodeUnknownEffect(schema)(parsed), ({ issue }) => {
      const first = issues(issue).issues[0]
      const place = first?.path?.map(String).join(".") ?? ""
      return new AppDirectoryError({
        file: absolute,
        message: `${absolute}: ${place === "" ? "" : `"${place}": `}${first?.message ?? "not as expected"}`
      })
    })
  })

  const found: AppFiles = {
    root,
    report,
    all,
    has: (file) => files.has(file),
    below: (folder) => all.filter((file) => file.startsWith(`${folder}/`)),
    text,
    json,
    path: (file) => path.join(root, file)
  }
  return found
})
