/** `serve --watch` and `--watch-poll`: replaces an application when its files change. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Applications } from "../server/Applications.ts"
import type { App, Notice } from "../server/model/App.ts"
import type { Loaded } from "./applications.ts"

/** An editor writes a file in several steps, and a version control system many files. */
const quiet = "100 millis"

/** Changes of these folders concern no application. */
const irrelevant = /(?:^|[/\\])(?:node_modules|\.git)(?:[/\\]|$)/

const textOf = ({ file, message }: Notice): string => (file === undefined ? message : `${file}: ${message}`)

/** What a notice says, wherever it is: lines move when others are inserted above them. */
const keyOf = ({ file, message }: Notice): string => `${file?.replace(/(?::\d+)+$/, "")}: ${message}`

/** The notices of a new version that the old one does not have. */
const newNotices = (app: App, old: App): ReadonlyArray<Notice> => {
  const known = new Set(old.report.map(keyOf))
  return app.report.filter((notice) => !known.has(keyOf(notice)))
}

/** A file with a line, and a column if it is known; the rest of the text is a message. */
const placed = /^(.*?):(\d+)(?::(\d+))?(?!\d)/

/** The line of a place between its neighbours. */
const excerptOf = Effect.fnUntraced(function* (directory: string, place: string) {
  const [, file, line, column] = placed.exec(place) ?? []
  if (file === undefined || line === undefined) return ""
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const text = yield* Effect.orElseSucceed(fs.readFileString(path.resolve(directory, file)), () => "")
  if (text === "") return ""
  const number = Number(line)
  const lines = text
    .trimEnd()
    .split("\n")
    .map((content, index) => `${String(index + 1).padStart(6)} | ${content}`)
  const gutter = lines[0]?.indexOf("|") ?? 0
  const caret = column === undefined ? [] : [`${" ".repeat(gutter + 1 + Number(column))}^`]
  return ["", ...lines.slice(Math.max(0, number - 2), number), ...caret, ...lines.slice(number, number + 1)].join("\n")
})

/** The changes of a directory after the effect, whatever they are. */
export type Changes = (
  directory: string
) => Effect.Effect<Stream.Stream<unknown, PlatformError.PlatformError>, never, FileSystem.FileSystem>

/** The changes that the system tells of. */
export const told: Changes = (directory) =>
  Effect.map(FileSystem.FileSystem, (fs) =>
    Stream.filter(fs.watch(directory, { recursive: true }), ({ path }) => !irrelevant.test(path))
  )

/**
 * The files below a directory with their times and sizes, without those of linked directories. What cannot be read, such as a
 * file that is gone, is left out.
 */
const filesBelow = (fs: FileSystem.FileSystem, directory: string): Effect.Effect<ReadonlyArray<string>> =>
  fs.readDirectoryEntries(directory).pipe(
    Effect.flatMap(
      Effect.forEach(({ name, type }) => {
        const path = `${directory}/${name}`
        if (irrelevant.test(name)) return Effect.succeed([])
        if (type === "Directory") return filesBelow(fs, path)
        return Effect.match(fs.stat(path), {
          onFailure: () => [],
          onSuccess: ({ mtime, size }) => [`${path} ${size} ${Option.getOrUndefined(mtime)?.getTime()}`]
        })
      })
    ),
    Effect.map((found) => found.flat()),
    Effect.orElseSucceed((): ReadonlyArray<string> => [])
  )

/** The changes of times and sizes, at which it looks every so many seconds. */
export const polled =
  (seconds: number): Changes =>
  (directory) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const state = Effect.map(filesBelow(fs, directory), (files) => files.toSorted().join("\n"))
      const first = yield* state
      return Stream.fromEffectSchedule(Effect.delay(state, `${seconds} seconds`), Schedule.forever).pipe(
        Stream.prepend([first]),
        Stream.changes,
        Stream.drop(1)
      )
    })

/** Watches the directory of an application, and replaces it by `load`; a version with a mistake is not served. */
export const watch = Effect.fnUntraced(function* <E extends { readonly message: string }, R>(
  { app, directory }: Loaded,
  load: Effect.Effect<App, E, R>,
  changes: Changes
) {
  const { logged, replace } = yield* Applications
  let served = app

  const logNotices = (level: "Error" | "Warn", notices: ReadonlyArray<Notice>) =>
    Effect.forEach(notices, (notice) =>
      Effect.flatMap(excerptOf(directory, notice.file ?? notice.message), (excerpt) =>
        Effect.logWithLevel(level)(textOf(notice) + excerpt)
      )
    )

  const refuse = Effect.fnUntraced(function* (mistakes: ReadonlyArray<Notice>) {
    yield* logNotices("Error", mistakes)
    const what = mistakes.length === 1 ? "the mistake is" : `${mistakes.length} mistakes are`
    yield* Effect.logWarning(`${served.id} is served as it was before: ${what} in ${directory}`)
  })

  const reload = Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const next = yield* load
    if (next.id !== served.id) {
      return yield* refuse([{ file: undefined, message: `the id is now "${next.id}": restart the server to serve it` }])
    }
    const notices = newNotices(next, served)
    const mistakes = notices.filter(({ mistake }) => mistake === true)
    if (mistakes.length > 0) return yield* refuse(mistakes)
    yield* replace(next)
    served = next
    yield* logNotices("Warn", notices)
    yield* Effect.logInfo(`${next.id} is replaced, in ${(yield* Clock.currentTimeMillis) - start} ms`)
  }).pipe(
    Effect.catch(({ message }) => refuse([{ file: undefined, message }])),
    Effect.catchCause((cause) => Effect.logError("the application cannot be replaced", Cause.pretty(cause)))
  )

  const changed = yield* changes(directory)
  yield* changed.pipe(
    Stream.debounce(quiet),
    Stream.runForEach(() => reload),
    Effect.catch(({ reason }) =>
      Effect.logWarning(
        `${directory} cannot be watched (${reason._tag}): changes take effect at the next start, or with --watch-poll 2`
      )
    ),
    Effect.annotateLogs({ app: app.id }),
    logged,
    Effect.forkScoped({ startImmediately: true })
  )
})
