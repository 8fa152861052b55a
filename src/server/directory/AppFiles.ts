/** Reads the files of an application's directory, and collects notices for its operator. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Notice } from "../model/App.ts"
import * as JsonText from "./internal/jsonText.ts"
import * as Settings from "./internal/settings.ts"

/**
 * A directory that cannot be loaded. The message names the file, and the line and column if there are.
 *
 * @category errors
 * @since 0.1.0
 */
export class AppDirectoryError extends Schema.TaggedError<AppDirectoryError>(
  "effect-app-services/server/directory/AppDirectoryError"
)("AppDirectoryError", { message: Schema.String, file: Schema.String }) {}

/** The files of which most applications have one or two. */
export const rootFiles = ["realm_config.json", "root_config.json", "stitch.json", "config.json"]

/**
 * The files below a directory; paths are relative to it, with forward slashes.
 *
 * What reads JSON takes the names of harmless settings: if one of them is wrong, it is reported and left out, and the rest is
 * read. A setting is harmless if nothing is allowed without it that it would forbid.
 */
export interface AppFiles {
  readonly root: string
  /** The root as it was given, for commands that are suggested: quoted if a shell requires it. */
  readonly directory: string
  readonly report: Array<Notice>
  /**
   * Reports a mistake that the author of the files can mend there. The line and column are those of `path` in a JSON file that
   * was read, in the form of {@link JsonText.find}.
   */
  readonly mistake: (file: string | undefined, message: string, path?: string) => void
  /** The same files, for a part of one of them: the paths of mistakes in that file begin with the part's. */
  readonly within: (file: string, part: string) => AppFiles
  readonly all: ReadonlyArray<string>
  readonly has: (file: string) => boolean
  /** The files below a folder, without those of packages. */
  readonly below: (folder: string) => ReadonlyArray<string>
  readonly text: (file: string) => Effect.Effect<string, AppDirectoryError>
  /** Reads a JSON file by a schema; fails if it is invalid. A missing or empty file is `undefined`. */
  readonly json: <A, I>(
    file: string,
    schema: Schema.Codec<A, I>,
    harmless?: ReadonlySet<string>
  ) => Effect.Effect<A | undefined, AppDirectoryError>
  /** Reads a JSON file by a schema. An invalid one is `undefined`, and reported with the consequence. */
  readonly jsonOrReport: <A, I>(
    file: string,
    schema: Schema.Codec<A, I>,
    consequence: string,
    harmless?: ReadonlySet<string>
  ) => Effect.Effect<A | undefined>
  /**
   * Decodes a part of a JSON file by a schema; `place` is its key. An invalid one is `undefined`, and reported with the
   * consequence.
   */
  readonly partOrReport: <A, I>(
    file: string,
    place: string,
    part: unknown,
    schema: Schema.Codec<A, I>,
    consequence: string,
    harmless?: ReadonlySet<string>
  ) => Effect.Effect<A | undefined>
  /** The absolute path of a file. */
  readonly path: (file: string) => string
}

/** What is wrong with a file, and where: the file with the line and column if they are known. */
interface Problem {
  readonly place: string
  readonly message: string
}

interface Decoding {
  readonly file: string
  readonly harmless?: ReadonlySet<string> | undefined
  /** The place of the value in the file. */
  readonly root?: ReadonlyArray<string>
}

const parseJson = Schema.decodeEffect(Schema.fromJsonString(Schema.Unknown))

const within = (files: AppFiles, file: string, part: string): AppFiles => {
  const inner: AppFiles = {
    ...files,
    mistake: (other, message, path = "") =>
      files.mistake(other, message, other === file ? [part, path].filter((it) => it !== "").join(".") : path),
    within: (file, part) => within(inner, file, part)
  }
  return inner
}

/** Lists a directory. */
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

  const report: Array<Notice> = []

  /** `above` are the real paths of the parent folders, by which links that lead back are found. */
  const list = (folder: string, above: ReadonlyArray<string>): Effect.Effect<Array<string>, AppDirectoryError> =>
    Effect.gen(function* () {
      const files: Array<string> = []
      const real = yield* Effect.mapError(fs.realPath(path.join(root, folder)), unreadable(folder))
      if (above.includes(real)) {
        report.push({ file: folder, message: "the link leads to a folder that contains it: it is not followed" })
        return files
      }
      const names = yield* Effect.mapError(fs.readDirectory(real), unreadable(folder === "" ? root : folder))
      for (const name of names.toSorted()) {
        const file = folder === "" ? name : `${folder}/${name}`
        // static files may be many, and are not read
        if (name === "node_modules" || name.startsWith(".") || file === "hosting/files") continue
        const entry = yield* Effect.result(fs.stat(path.join(root, file)))
        if (Result.isFailure(entry)) {
          report.push({ file, message: `it cannot be read: ${entry.failure.reason._tag}` })
        } else if (entry.success.type === "Directory") {
          const below = yield* Effect.result(list(file, [...above, real]))
          if (Result.isSuccess(below)) files.push(...below.success)
          else report.push({ file, message: `the folder ${below.failure.message}` })
        } else if (entry.success.type === "File") files.push(file)
      }
      return files
    })
  const all = yield* list("", [])
  const files = new Set(all)

  const text = (file: string) => Effect.mapError(fs.readFileString(path.join(root, file)), unreadable(file))

  /** The texts of JSON files, in which mistakes are found. */
  const texts = new Map<string, string>()

  const placed = (file: string, path: string): string => {
    const text = texts.get(file)
    const position = text === undefined ? undefined : JsonText.find(text, path)
    return position === undefined ? file : `${file}:${position.line}:${position.column}`
  }

  const mistake: AppFiles["mistake"] = (file, message, path = "") =>
    void report.push({ file: file === undefined ? undefined : placed(file, path), message, mistake: true })

  const decode = <A, I>(
    value: unknown,
    schema: Schema.Codec<A, I>,
    { file, harmless = new Set(), root = [] }: Decoding
  ): Effect.Effect<A, Problem> => {
    const said = ({ message, path }: Settings.Mistake): Problem => {
      const at = [...root, ...path].join(".")
      return { place: placed(file, at), message: at === "" ? message : `"${at}": ${message}` }
    }
    return Effect.mapError(
      Settings.decode(value, schema, harmless, (wrong) => {
        const { message, place } = said(wrong)
        mistake(place, `${message}; the setting is ignored`)
      }),
      said
    )
  }

  /** Reads a file. */
  const read = Effect.fnUntraced(function* <A, I>(
    file: string,
    schema: Schema.Codec<A, I>,
    harmless?: ReadonlySet<string>
  ) {
    if (!files.has(file)) return undefined
    // exports from Windows may begin with a byte order mark
    const content = (yield* Effect.mapError(fs.readFileString(path.join(root, file)), ({ reason }) => ({
      place: file,
      message: `cannot be read: ${reason._tag}`
    }))).replace(/^\uFEFF/, "")
    if (content.trim() === "") {
      mistake(file, "the file is empty, and was ignored")
      return undefined
    }
    texts.set(file, content)
    const parsed = yield* Effect.catch(parseJson(content), () => {
      const tolerant = JsonText.read(content)
      if (tolerant._tag === "Problem") {
        const { column, line, message } = tolerant.problem
        return Effect.fail<Problem>({ place: `${file}:${line}:${column}`, message: `is not JSON: ${message}` })
      }
      report.push({ file, message: "JSON has neither comments nor trailing commas: both were skipped" })
      return Effect.succeed(tolerant.value)
    })
    return yield* decode(parsed, schema, { file, harmless })
  })

  const json = <A, I>(file: string, schema: Schema.Codec<A, I>, harmless?: ReadonlySet<string>) =>
    Effect.mapError(
      read(file, schema, harmless),
      ({ message, place }) =>
        new AppDirectoryError({ file: path.join(root, file), message: `${path.join(root, place)}: ${message}` })
    )

  const jsonOrReport = <A, I>(
    file: string,
    schema: Schema.Codec<A, I>,
    consequence: string,
    harmless?: ReadonlySet<string>
  ) =>
    Effect.catch(read(file, schema, harmless), ({ message, place }) => {
      mistake(place, `${message}; ${consequence}`)
      return Effect.succeed(undefined)
    })

  const partOrReport = <A, I>(
    file: string,
    place: string,
    part: unknown,
    schema: Schema.Codec<A, I>,
    consequence: string,
    harmless?: ReadonlySet<string>
  ) =>
    Effect.catch(decode(part, schema, { file, root: place === "" ? [] : [place], harmless }), (problem) => {
      mistake(problem.place, `${problem.message}; ${consequence}`)
      return Effect.succeed(undefined)
    })

  const found: AppFiles = {
    root,
    directory: /^[\w./:@~+,=-]+$/.test(directory) ? directory : `"${directory}"`,
    report,
    mistake,
    within: (file, part) => within(found, file, part),
    all,
    has: (file) => files.has(file),
    below: (folder) => all.filter((file) => file.startsWith(`${folder}/`)),
    text,
    json,
    jsonOrReport,
    partOrReport,
    path: (file) => path.join(root, file)
  }
  return found
})
