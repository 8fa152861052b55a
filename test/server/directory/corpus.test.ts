import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { AppDirectory } from "effect-app-services/server"
import { anonymous, ask, callFunction, directory, inProcess } from "../support.ts"
import type { Application } from "./corpus/application.ts"
import { habits } from "./corpus/habits.ts"
import { newer } from "./corpus/newer.ts"
import { older } from "./corpus/older.ts"
import { Files } from "./support.ts"

const loaded = ({ files, id }: Application) =>
  Effect.flatMap(directory({ ".keep": "", ...files }), (folder) => AppDirectory.load(folder, { appId: id })).pipe(
    Effect.provide(Files)
  )

const matches = (actual: string, expected: string | RegExp, what: string) =>
  typeof expected === "string" ? assert.strictEqual(actual, expected, what) : assert.match(actual, expected, what)

describe("applications as they are exported", () => {
  it.live.each([...newer, habits, ...older].map((application) => [application.title, application] as const))(
    "%s",
    ([, application]) =>
      Effect.gen(function* () {
        const app = yield* loaded(application)
        const report = app.report.map(({ file, message }) => (file === undefined ? message : `${file}: ${message}`))
        const expected = application.report ?? []
        assert.deepStrictEqual(
          report.toSorted((a, b) => a.localeCompare(b)),
          expected.toSorted((a, b) => a.localeCompare(b))
        )
        yield* Effect.gen(function* () {
          const token = application.calls === undefined ? undefined : (yield* anonymous(app.id))["access_token"]
          for (const { args, error, fn, result } of application.calls ?? []) {
            const { body, status, text } = yield* callFunction(token, fn, args, app.id)
            if (error === undefined) {
              assert.strictEqual(status, 200, `${fn}: ${text}`)
              assert.deepStrictEqual(JSON.parse(text), result, fn)
            } else assert.match(body["error"] ?? text, error, fn)
          }
          for (const { headers, method, path, raw, status, text } of application.requests ?? []) {
            const answer = yield* ask(method, path, {
              ...(raw !== undefined && { raw }),
              ...(headers !== undefined && { headers })
            })
            assert.strictEqual(answer.status, status, `${method} ${path}: ${answer.text}`)
            matches(answer.text, text, `${method} ${path}`)
          }
        }).pipe(Effect.provide([inProcess(app), Logger.layer([])]))
      })
  )
})
