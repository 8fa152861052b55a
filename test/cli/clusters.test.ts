import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Option, Redacted } from "effect"
import { App } from "effect-app-services/server"
import * as Clusters from "../../src/cli/clusters.ts"
import { run } from "./support.ts"

const apps = [
  App.make({ id: "a", mongodb: { "mongodb-atlas": "closed", analytics: "closed" } }),
  App.make({ id: "b", mongodb: { archive: "closed" } })
]

const withVariable = (variable: string | undefined) =>
  Effect.provideService(
    ConfigProvider.ConfigProvider,
    ConfigProvider.fromUnknown(variable === undefined ? {} : { MONGODB_URI: variable })
  )

const read = (flags: ReadonlyArray<string>, variable?: string) =>
  Clusters.read(
    flags.map((it) => Redacted.make(it)),
    apps
  ).pipe(
    Effect.map(
      Option.map(({ sources, uri }) => ({
        uri: Redacted.value(uri),
        sources: Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, Redacted.value(source)]))
      }))
    ),
    withVariable(variable)
  )

const usersUri = (variable?: string) => withVariable(variable)(Clusters.usersUri)

const [usual, other] = ["mongodb://ada:secret-1@one", "mongodb+srv://ada:secret-1@two/?w=1"]

describe("the clusters of serve", () => {
  it.effect("finds clusters by the names of data sources, and one without a name is for all others", () =>
    Effect.gen(function* () {
      assert.isTrue(Option.isNone(yield* read([])))
      assert.deepStrictEqual(Option.getOrThrow(yield* read([usual])), { uri: usual, sources: {} })
      const both = { uri: usual, sources: { analytics: other } }
      assert.deepStrictEqual(Option.getOrThrow(yield* read([`analytics=${other}`, usual])), both)
      assert.deepStrictEqual(Option.getOrThrow(yield* read([], ` ${usual}  analytics=${other} `)), both)
      assert.deepStrictEqual(Option.getOrThrow(yield* read([usual], other)), { uri: usual, sources: {} })
      const all = ["mongodb-atlas", "analytics", "archive"].map((name) => `${name}=${usual}`)
      assert.deepStrictEqual(Option.getOrThrow(yield* read(all)).uri, usual)
    })
  )

  it.effect("refuses names that no application has, two of one kind, and a data source without a cluster", () =>
    Effect.gen(function* () {
      const refusals = {
        'the data source "nope", which no application has: there are mongodb-atlas, analytics, archive': [
          `nope=${usual}`
        ],
        'names the data source "archive" twice': [`archive=${usual}`, `archive=${other}`],
        "has two connection strings without the name of a data source": [usual, other],
        'the data source "mongodb-atlas" has no MongoDB': [`archive=${usual}`],
        "take connection strings, mongodb://HOST": ["http://ada:secret-1@one"]
      }
      for (const [message, flags] of Object.entries(refusals)) {
        const error = yield* Effect.flip(read(flags))
        assert.include(error.message, message)
        assert.notInclude(error.message, "secret-1")
      }
    })
  )

  it.effect("finds the cluster of users, and refuses a text that is not a connection string", () =>
    Effect.gen(function* () {
      assert.isTrue(Option.isNone(yield* usersUri()))
      const named = `analytics=${other}`
      for (const [variable, expected] of [
        [usual, usual],
        [`${named} ${usual}`, usual],
        [named, other]
      ] as const) {
        assert.deepStrictEqual(Option.map(yield* usersUri(variable), Redacted.value), Option.some(expected))
      }
      const error = yield* Effect.flip(usersUri(`${usual} ada:secret-1@two`))
      assert.include(error.message, "take connection strings, mongodb://HOST")
      assert.notInclude(error.message, "secret-1")
    })
  )

  it.live(
    "stops the start with the refusal",
    () =>
      Effect.gen(function* () {
        const { code, stderr } = yield* run(["serve", "examples/shop", "--port", "0", "--mongodb", `nope=${usual}`])
        assert.strictEqual(code, 1)
        assert.include(stderr, 'the data source "nope", which no application has: there are ')
        assert.notInclude(stderr, "secret-1")
      }),
    180_000
  )
})
