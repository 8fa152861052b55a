/** Loads the static files of an exported application. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Etag from "effect/http/Etag"
import * as HttpPlatform from "effect/http/HttpPlatform"
import * as HttpStaticServer from "effect/http/HttpStaticServer"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import * as Schema from "effect/Schema"
import type { Hosting } from "../model/Hosting.ts"
import type { AppFiles } from "./AppFiles.ts"

const Text = Schema.optional(Schema.NullOr(Schema.String))
const Code = Schema.optional(Schema.NullOr(Schema.Union([Schema.String, Schema.Finite])))

const HostingConfig = Schema.Struct({
  enabled: Schema.optional(Schema.NullOr(Schema.Boolean)),
  custom_domain: Text,
  default_error_path: Text,
  default_error_code: Code,
  default_response_code: Code
})

/** Without them, a path without a file answers 404, and the files have the server's host name only. */
const harmless = new Set(["custom_domain", "default_error_path", "default_error_code", "default_response_code"])

const Metadata = Schema.Struct({
  path: Schema.String,
  attrs: Schema.optional(Schema.NullOr(Schema.Array(Schema.Struct({ name: Text, value: Text }))))
})

const configFile = "hosting/config.json"
const metadataFile = "hosting/metadata.json"

/** Headers that a file may have. The last one is a redirect in place of the file. */
const known = new Set([
  "content-type",
  "content-disposition",
  "content-encoding",
  "content-language",
  "cache-control",
  "website-redirect-location"
])

const valuePattern = /^[\t\x20-\x7e]*$/

const withSlash = (path: string): string => (path.startsWith("/") ? path : `/${path}`)

/**
 * Loads them, where hosting is enabled.
 *
 * @internal
 */
export const load = Effect.fnUntraced(function* (files: AppFiles) {
  const config = yield* files.jsonOrReport(configFile, HostingConfig, "no files are served", harmless)
  if (config?.enabled !== true) return undefined
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = files.path("hosting/files")
  const names = yield* Effect.orElseSucceed(list(fs, path, root, "", []), (): ReadonlyArray<string> => [])
  if (names.length === 0) {
    files.report.push({ file: configFile, message: "hosting is enabled, but there are no files in hosting/files" })
    return undefined
  }
  const headers = yield* headersOf(files)
  const platform = HttpPlatform.layer.pipe(Layer.provide([Layer.succeed(FileSystem.FileSystem, fs), Etag.layerWeak]))
  const made = HttpStaticServer.make({ root, cacheControl: "no-cache" }).pipe(Effect.provide(platform), Effect.orDie)
  const domain = config.custom_domain?.toLowerCase() ?? ""
  const hosting: Hosting = {
    domain: domain === "" ? undefined : domain,
    files: new Map(names.map((name) => [name, headers.get(name) ?? {}])),
    errorPage: errorPageOf(files, config, names),
    serve: yield* made
  }
  return hosting
})

/** The files below a folder, by paths with a slash in front. Links that lead out of it, and hidden files, are left out. */
const list = (
  fs: FileSystem.FileSystem,
  path: Path.Path,
  root: string,
  folder: string,
  above: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<string>, PlatformError.PlatformError> =>
  Effect.gen(function* () {
    const real = yield* fs.realPath(path.join(root, folder))
    const inside = yield* fs.realPath(root)
    if (above.includes(real) || (real !== inside && !real.startsWith(inside + path.sep))) return []
    const found: Array<string> = []
    for (const name of (yield* fs.readDirectory(real)).toSorted()) {
      if (name.startsWith(".")) continue
      const place = `${folder}/${name}`
      const file = yield* fs.realPath(path.join(root, place))
      const info = yield* fs.stat(file)
      if (info.type === "Directory") found.push(...(yield* list(fs, path, root, place, [...above, real])))
      else if (info.type === "File" && file.startsWith(inside + path.sep)) found.push(place)
    }
    return found
  })

/** The headers of each file that has some. */
const headersOf = Effect.fnUntraced(function* (files: AppFiles) {
  const list = Schema.Array(Schema.Unknown)
  const found = new Map<string, Record<string, string>>()
  const all = (yield* files.jsonOrReport(metadataFile, list, "files have the headers of their kind")) ?? []
  for (const [i, part] of all.entries()) {
    const consequence = "the file has the headers of its kind"
    const metadata = yield* files.partOrReport(metadataFile, `${i}`, part, Metadata, consequence)
    if (metadata === undefined) continue
    const { attrs, path } = metadata
    const headers: Record<string, string> = {}
    for (const { name, value } of attrs ?? []) {
      const header = (name ?? "").toLowerCase()
      if (value === undefined || value === null || header === "") continue
      if (!known.has(header) || !valuePattern.test(value)) {
        files.report.push({ file: metadataFile, message: `the header "${name}" of ${path} is not supported` })
      } else if (header !== "content-type" || value !== "application/html") headers[header] = value
    }
    found.set(withSlash(path), headers)
  }
  return found
})

const errorPageOf = (
  files: AppFiles,
  config: typeof HostingConfig.Type,
  names: ReadonlyArray<string>
): Hosting["errorPage"] => {
  const given = config.default_error_path ?? ""
  if (given === "") return undefined
  const path = withSlash(given)
  if (!names.includes(path)) {
    files.mistake(configFile, `"default_error_path" names "${given}", which does not exist`, "default_error_path")
    return undefined
  }
  const code = config.default_error_code ?? ""
  const status = Number(code === "" ? (config.default_response_code ?? 404) : code)
  if (Number.isInteger(status) && status >= 200 && status <= 599) return { path, status }
  files.mistake(
    configFile,
    `"default_error_code" is not a status: "${code}"; it is taken for 404`,
    "default_error_code"
  )
  return { path, status: 404 }
}
