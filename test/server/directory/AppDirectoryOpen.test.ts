import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { App, AppDirectory } from "effect-app-services/server"
import { anonymous, ask, directory, path, withApps } from "../support.ts"

const source = "data_sources/mongodb-atlas"
const everyone = { name: "everyone", apply_when: {}, read: true, write: true, insert: true, delete: true }
const files = {
  "realm_config.json": { app_id: "my-app" },
  "auth/providers.json": { "anon-user": { type: "anon-user", disabled: false } },
  [`${source}/config.json`]: { name: "mongodb-atlas", type: "mongodb-atlas" },
  [`${source}/shop/strange/rules.json`]: {
    database: "shop",
    collection: "strange",
    roles: [{ ...everyone, apply_when: { "%%unknown": "knows" } }]
  },
  [`${source}/shop/ruled/rules.json`]: {
    database: "shop",
    collection: "ruled",
    roles: [{ ...everyone, write: false, insert: false, delete: false }]
  }
}

const loaded = Effect.flatMap(directory(files), AppDirectory.load).pipe(Effect.provide(NodeServices.layer))

/** What comes of an insertion by a client, into each collection. */
const outcomes = (app: App.App) =>
  Effect.gen(function* () {
    const { access_token: token } = yield* anonymous()
    const codes: Array<number | string> = []
    for (const collection of ["strange", "ruled", "unlisted"]) {
      const document = { database: "shop", collection, document: { a: 1 } }
      const body = { name: "insertOne", service: "mongodb-atlas", arguments: [document] }
      const { body: answer, status } = yield* ask("POST", path("my-app", "functions/call"), { token, body })
      codes.push(status === 200 ? 200 : answer["error_code"])
    }
    return codes
  }).pipe(withApps(app))

const closed = "NoMatchingRuleFound"

describe("AppDirectory.open", () => {
  it.effect("opens one collection, and says so", () =>
    Effect.gen(function* () {
      const app = yield* loaded
      assert.deepStrictEqual(yield* outcomes(app), [closed, closed, closed])
      const opened = Result.getOrThrow(AppDirectory.open(app, "mongodb-atlas/shop.strange"))
      assert.deepStrictEqual(yield* outcomes(opened), [200, closed, closed])
      assert.deepStrictEqual(opened.report, [
        ...app.report,
        {
          file: undefined,
          message:
            'the collection "mongodb-atlas/shop.strange" is open on request: every user can read and write all documents'
        }
      ])
      const both = Result.getOrThrow(AppDirectory.open(opened, "mongodb-atlas/shop.unlisted"))
      assert.deepStrictEqual(yield* outcomes(both), [200, closed, 200])
      // the one that was loaded is as it was
      assert.deepStrictEqual(yield* outcomes(app), [closed, closed, closed])
    })
  )

  it.effect("opens whatever is closed, and leaves rules in force", () =>
    Effect.gen(function* () {
      const app = yield* loaded
      const opened = Result.getOrThrow(AppDirectory.open(app, "all"))
      assert.deepStrictEqual(yield* outcomes(opened), [200, closed, 200])
      assert.match(opened.report.at(-1)!.message, /all collections without rules are open on request/)
      const dataless = App.make({ id: "dataless" })
      assert.deepStrictEqual(Result.getOrThrow(AppDirectory.open(dataless, "all")).report, [])
    })
  )

  it.effect("refuses names of nothing, and of what has rules", () =>
    Effect.gen(function* () {
      const app = yield* loaded
      for (const [name, message] of [
        ["mongodb-atlas/shop.ruled", /cannot be opened: it has rules/],
        ["elsewhere/shop.strange", /one of the data sources mongodb-atlas/],
        ["mongodb-atlas", /is not a collection of my-app/],
        ["mongodb-atlas/shop", /is not a collection of my-app/],
        ["", /is not a collection of my-app/]
      ] as const) {
        const error = Result.getOrThrow(Result.flip(AppDirectory.open(app, name)))
        assert.match(error.message, message)
      }
    })
  )
})
