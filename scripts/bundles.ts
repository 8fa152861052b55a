/** The size of browser programs that use the package: bundled by esbuild, minified, gzip. */
import { gzipSync } from "node:zlib"
import { build } from "esbuild"

/** "Log in and call a function", the smallest program that uses the SDK. */
const program = `
  import { AppServices, AuthApi, Credentials } from "effect-app-services"
  import * as Effect from "effect/Effect"
  import * as Layer from "effect/Layer"
  import * as FetchHttpClient from "effect/http/FetchHttpClient"
  const Live = AppServices.layer({ appId: "shop-abcde", baseUrl: "https://shop.example" }).pipe(Layer.provide(FetchHttpClient.layer))
  AuthApi.use((auth) => auth.logIn(Credentials.anonymous())).pipe(
    Effect.flatMap((user) => user.functions.sum(20, 22)),
    Effect.provide(Live),
    Effect.runPromise
  ).then(console.log)`

/** The same with effect and bson alone: a request, a typed error, Extended JSON. */
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
  readonly alias?: Record<string, string>
  readonly limit?: number
}

const beside = ["effect", "effect/*", "bson"]

/** The programs, with limits in bytes: the size when the limit was set, plus 3 % for changes of effect. */
const programs: Record<string, Program> = {
  "log in and call a function: the SDK's own modules": { contents: program, external: beside, limit: 25_200 },
  "log in and call a function: everything": { contents: program, limit: 98_500 },
  "log in and call a function: everything but bson": {
    contents: program,
    alias: { bson: "effect-app-services/without-bson" },
    limit: 80_900
  },
  "the entry point for browsers: everything": {
    contents: program
      .replace(
        'import * as FetchHttpClient from "effect/http/FetchHttpClient"',
        'import { BrowserAppServices } from "effect-app-services/browser"'
      )
      .replace(/AppServices\.layer(.*)\.pipe\(.*/, "BrowserAppServices.layer$1"),
    limit: 100_000
  },
  "the entry point for promises: everything": {
    contents: 'import * as Realm from "effect-app-services/promise"; console.log(Realm.App, Realm.Credentials)',
    limit: 100_000
  },
  "the whole main entry point: everything": { contents: 'export * from "effect-app-services"', limit: 102_300 },
  "effect's HttpClient and bson alone": { contents: beneath },
  "realm-web: everything": { contents: 'import * as Realm from "realm-web"; console.log(Realm.App, Realm.Credentials)' }
}

const unknown = (name: string): never => {
  throw new Error(`no program "${name}"`)
}

/** The size of a program in bytes of gzip, and its limit if it has one. */
export interface Weight {
  readonly name: string
  readonly bytes: number
  readonly limit: number | undefined
}

/** Bundles the programs whose packages can be resolved from a folder. Throws if a bundle contains a module of Node. */
export const weigh = (resolveDir: string, names = Object.keys(programs)): Promise<ReadonlyArray<Weight>> =>
  Promise.all(
    names.map(async (name) => {
      const { alias = {}, contents, external = [], limit } = programs[name] ?? unknown(name)
      const { outputFiles } = await build({
        stdin: { contents, resolveDir },
        external,
        alias,
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

/** The programs of the package itself, which have a limit. */
export const own = Object.keys(programs).filter((name) => programs[name]?.limit !== undefined)
