import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { directory } from "../server/support.ts"
import { ask, call, run, serveJson } from "./support.ts"

const logIn = (url: string, provider: string, body: object = {}) =>
  Effect.map(
    ask(`${url}/auth/providers/${provider}/login`, { method: "POST", body: JSON.stringify(body) }),
    (it) => it.body
  )

const ada = { email: "ada@example.com", password: "correct horse" }

/** An operation of a user on a collection. */
const document = (url: string, token: string, name: string, collection: string, args: object) =>
  ask(`${url}/functions/call`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({
      service: "mongodb-atlas",
      name,
      arguments: [{ database: "main", collection, ...args }]
    })
  })

// each test starts processes, which takes its time on a busy machine
describe("effect-app-services init", { timeout: 180_000 }, () => {
  it.live("writes an application with nothing to report, whose parts all work", () =>
    Effect.gen(function* () {
      const folder = join(yield* directory({}), "My Shop")
      const { code, stdout } = yield* run(["init", folder])
      assert.strictEqual(code, 0)
      assert.include(stdout, "my-shop  (")
      assert.include(stdout, "--watch")
      const { output, ready } = yield* serveJson([folder, "--password-hashing", "testing"])
      assert.deepStrictEqual(ready.appIds, ["my-shop"])
      assert.strictEqual(output.stderr, "")
      const url = `${ready.baseUrl}/api/client/v2.0/app/my-shop`

      const register = `${url}/auth/providers/local-userpass/register`
      assert.strictEqual((yield* ask(register, { method: "POST", body: JSON.stringify(ada) })).status, 201)
      const user = yield* logIn(url, "local-userpass", { username: ada.email, password: ada.password })
      const other = yield* logIn(url, "anon-user")
      const note = { owner: user["user_id"], text: "first" }
      const insert = (token: string, document_: object) =>
        document(url, token, "insertOne", "notes", { document: document_ })
      assert.strictEqual((yield* insert(user["access_token"], note)).status, 200)
      // rules and schema are in effect
      const foreign = yield* insert(other["access_token"], note)
      const invalid = yield* insert(user["access_token"], { ...note, text: 1 })
      assert.deepStrictEqual(
        [foreign, invalid].map(({ body, status }) => [status, body["error_code"]]),
        [
          [400, "NoMatchingRuleFound"],
          [400, "SchemaValidationFailedWrite"]
        ]
      )
      const found = yield* document(url, other["access_token"], "find", "notes", { query: {} })
      assert.deepStrictEqual<unknown>(found.body, [])

      const greeting = yield* ask(`${url}/functions/call`, {
        method: "POST",
        headers: { authorization: `Bearer ${user["access_token"]}` },
        body: JSON.stringify({ name: "greet", arguments: ["Ada"] })
      })
      assert.strictEqual<unknown>(greeting.body, "Hello, Ada! You have 1 notes.")
      const status = yield* Effect.promise(async () =>
        (await fetch(`${ready.baseUrl}/app/my-shop/endpoint/status?from=curl`)).text()
      )
      assert.strictEqual(status, "my-shop is up, curl\n")
    })
  )

  it.live("leads from an empty folder to a function that failed and is mended, while the application is served", () =>
    Effect.gen(function* () {
      // what a new user types is in the help: the command, and how it is used
      const help = (yield* run(["--help"])).stdout
      const [initHelp, serveHelp] = yield* Effect.all([run(["init", "--help"]), run(["serve", "--help"])])
      for (const name of ["init", "serve"]) assert.match(help, new RegExp(`^ +${name} `, "m"))
      assert.include(initHelp.stdout, "effect-app-services init ./my-app")
      assert.match(serveHelp.stdout, /effect-app-services serve \S+ --watch/)

      const folder = join(yield* directory({}), "first")
      assert.strictEqual((yield* run(["init", folder])).code, 0)
      const { output, ready } = yield* serveJson([folder, "--watch"])
      const url = `${ready.baseUrl}/api/client/v2.0/app/first`
      const guest = yield* logIn(url, "anon-user")
      const called = (name: string, ...args: ReadonlyArray<unknown>) =>
        ask(`${url}/functions/call`, {
          method: "POST",
          headers: { authorization: `Bearer ${guest["access_token"]}` },
          body: JSON.stringify({ name, arguments: args })
        })

      // the function was not there when the server started
      const write = (...lines: ReadonlyArray<string>) =>
        writeFileSync(join(folder, "functions/note.js"), lines.join("\n"))
      const before = [
        "exports = async function (note) {",
        '  const notes = context.services.get("mongodb-atlas").db("main").collection("notes")'
      ]
      const after = [
        "  await notes.insertOne({ owner: context.user.id, text })",
        "  return await notes.count({ text })",
        "}"
      ]
      write(...before, "  const text = note.txt.trim()", ...after)
      const config = join(folder, "functions/config.json")
      const functions = JSON.parse(readFileSync(config, "utf8")) as ReadonlyArray<unknown>
      writeFileSync(config, JSON.stringify([...functions, { name: "note", private: false }]))
      const note = { text: " buy milk " }
      const firstError = yield* Effect.repeat(Effect.delay(called("note", note), "20 millis"), {
        while: ({ body }) => body["error_code"] === "FunctionNotFound"
      })
      assert.deepStrictEqual([firstError.status, firstError.body["error_code"]], [400, "FunctionExecutionError"])
      const lineOf = () => output.stderr.split("\n").find((line) => line.includes(" failed after "))
      while (lineOf() === undefined) yield* Effect.sleep("5 millis")
      const line = JSON.parse(lineOf()!) as { readonly message: string }
      assert.match(line.message, /at .*functions\/note\.js:3:\d+/)
      assert.include(line.message, "buy milk")

      write(...before, "  const text = note.text.trim()", ...after)
      const mended = yield* Effect.repeat(Effect.delay(called("note", note), "20 millis"), {
        while: ({ status }) => status !== 200
      })
      assert.deepStrictEqual<unknown>(mended.body, { $numberInt: "1" })
      const found = yield* document(url, guest["access_token"], "find", "notes", { query: {} })
      const texts = (found.body as unknown as ReadonlyArray<Record<string, unknown>>).map(({ owner, text }) => [
        owner,
        text
      ])
      assert.deepStrictEqual(texts, [[guest["user_id"], "buy milk"]])
    })
  )

  it.live("refuses a directory that is not empty, names it, and changes nothing", () =>
    Effect.gen(function* () {
      const folder = yield* directory({ "notes.txt": "mine" })
      const { code, stderr, stdout } = yield* run(["init", folder])
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.include(stderr, `${folder} is not empty (it has notes.txt)`)
      assert.deepStrictEqual(readdirSync(folder), ["notes.txt"])
      assert.strictEqual(readFileSync(join(folder, "notes.txt"), "utf8"), "mine")
      const bad = yield* run(["init", join(folder, "new"), "--app-id", "a/b"])
      assert.strictEqual(bad.code, 1)
      assert.include(bad.stderr, 'invalid --app-id "a/b"')
      assert.deepStrictEqual(readdirSync(folder), ["notes.txt"])
    })
  )
})

describe("effect-app-services serve, without an export", { timeout: 180_000 }, () => {
  it.live("logs users in, keeps their documents, and serves this machine only", () =>
    Effect.gen(function* () {
      const empty = yield* directory({})
      const { ready } = yield* serveJson([empty, "--app-id", "try-out", "--password-hashing", "testing"])
      assert.deepStrictEqual(ready.appIds, ["try-out"])
      const url = `${ready.baseUrl}/api/client/v2.0/app/try-out`
      const register = `${url}/auth/providers/local-userpass/register`
      assert.strictEqual((yield* ask(register, { method: "POST", body: JSON.stringify(ada) })).status, 201)
      const user = yield* logIn(url, "local-userpass", { username: ada.email, password: ada.password })
      const guest = yield* logIn(url, "anon-user")
      yield* document(url, user["access_token"], "insertOne", "things", { document: { _id: 1 } })
      const found = yield* document(url, guest["access_token"], "find", "things", { query: {} })
      assert.deepStrictEqual<unknown>(found.body, [{ _id: { $numberInt: "1" } }])
      const missing = yield* call(ready, "any")
      assert.strictEqual(missing.body["error_code"], "FunctionNotFound")

      const { code, stderr } = yield* run(["serve", "--host", "0.0.0.0", "--port", "0"])
      assert.strictEqual(code, 1)
      assert.match(stderr, /open database and is served on loopback only, not on 0\.0\.0\.0/)
    })
  )
})
