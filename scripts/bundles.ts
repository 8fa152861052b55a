/** What a browser's program of the package weighs: bundled by esbuild, minified, gzip. */
import { gzipSync } from "node:zlib"
import { build } from "esbuild"

/** "Log in and call a function", the smallest program that uses the SDK. */
const program = `
  import { AppServices, AuthApi, Credentials } from "effect-app-services"
  import * as Effect from "effect/Effect"
  import * as Layer from "effect/Layer"
  import * as FetchHttpClient from "effect/http/FetchHttpClient"
  const Live = AppServices.layer({ appId: "shop-abcde" }).pipe(Layer.provide(FetchHttpClient.layer))
  AuthApi.use((auth) => auth.logIn(Credentials.anonymous())).pipe(
    Effect.flatMap((user) => user.functions.sum(20, 22)),
    Effect.provide(Live),
    Effect.runPromise
  ).then(console.log)`

/** What the same takes of effect and bson alone: a request, a typed error, Extended JSON. */
const beneath = `
  import { EJSON } from "bson"
  import * as Effect from "effect/Effect"
  import * as Schema from "effect/Schema"
  import * as FetchHttpClient from "effect/http/FetchHttpClient"
  import * as HttpClient from "effect/http/HttpClient"
  class Refused extends Schema.TaggedError()("Refused", { message: Schema.String }) {}
  HttpClient.post("https://shop.example").pipe(
    Effect.flatMap((response) => response.status === 200 ? response.text : Effect.fail(new Refused({ message: "no" }))),
    Effect.map((text) => EJSON.parse(text)),
    Effect.provide(FetchHttpClient.layer),
    Effect.runPromise
  ).then((answer) => console.log(EJSON.stringify(answer)))`

interface Program {
  readonly contents: string
  readonly external?: Array<string>
  readonly limit?: number
}

const beside = ["effect", "effect/*", "bson"]

/** The programs, and how many bytes each may weigh: what it did when the limit was set, and 3 % for effect's own changes. */
const programs: Record<string, Program> = {
  "log in and call a function: our part": { contents: program, external: beside, limit: 25_600 },
  "log in and call a function: all in": { contents: program, limit: 99_200 },
  "the whole main door: all in": { contents: 'export * from "effect-app-services"', limit: 102_300 },
  "effect's HttpClient and bson alone": { contents: beneath },
  "realm-web: all in": { contents: 'import * as Realm from "realm-web"; console.log(Realm.App, Realm.Credentials)' }
}

const unknown = (name: string): never => {
  throw new Error(`no program "${name}"`)
}

/** The bytes of a program in gzip, and the most that they may be where it is ours to keep them. */
export interface Weight {
  readonly name: string
  readonly bytes: number
  readonly limit: number | undefined
}

/** Bundles those of the programs whose packages are to be found from a folder. Nothing of Node is in them, or it throws. */
export const weigh = (resolveDir: string, names = Object.keys(programs)): Promise<ReadonlyArray<Weight>> =>
  Promise.all(
    names.map(async (name) => {
      const { contents, external = [], limit } = programs[name] ?? unknown(name)
      const { outputFiles } = await build({
        stdin: { contents, resolveDir },
        external,
        bundle: true,
        format: "esm",
        legalComments: "none",
        minify: true,
        platform: "browser",
        write: false,
        logLevel: "silent"
      })
      return { name, bytes: outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0), limit }
    })
  )

/** Those that are the package's own: they have a limit. */
export const own = Object.keys(programs).filter((name) => programs[name]?.limit !== undefined)
