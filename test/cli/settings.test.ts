import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Result } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { read } from "../../src/cli/rateLimits.ts"
import { directory } from "../server/support.ts"
import { anonymousApp, ask, call, run, serveJson } from "./support.ts"

const guide = readFileSync(join(import.meta.dirname, "../../docs/running-an-exported-app.md"), "utf8")

describe("serve, with settings of an operator", { timeout: 180_000 }, () => {
  it.live("uses the public URL, the environment and the rate limits that it is told, by flags or by variables", () =>
    Effect.gen(function* () {
      const folder = yield* directory({
        ...anonymousApp("my-app", {
          where: "exports = () => [context.environment.tag, context.environment.values.host].join()"
        }),
        "auth/providers.json": {
          "anon-user": { name: "anon-user", type: "anon-user", disabled: false },
          "local-userpass": { type: "local-userpass", config: { autoConfirm: true } }
        },
        "environments/development.json": { values: { host: "localhost" } },
        "environments/production.json": { values: { host: "shop.example" } }
      })
      const url = "https://api.shop.example"
      const cases = [
        serveJson([folder, "--public-url", url, "--environment", "production", "--rate-limit", "login-account=2/1h"]),
        serveJson([folder, "--no-rate-limits"], {
          APP_SERVICES_PUBLIC_URL: url,
          APP_SERVICES_ENVIRONMENT: "production"
        })
      ]
      const statuses: Array<ReadonlyArray<number>> = []
      for (const start of cases) {
        const { ready } = yield* start
        assert.strictEqual<unknown>((yield* call(ready, "where")).body, "production,shop.example")
        const app = `${ready.baseUrl}/api/client/v2.0/app/my-app`
        assert.strictEqual((yield* ask(`${app}/location`)).body["hostname"], url)
        const logIn = ask(`${app}/auth/providers/local-userpass/login`, {
          method: "POST",
          body: JSON.stringify({ username: "a@b.c", password: "wrong password" })
        })
        statuses.push((yield* Effect.replicateEffect(logIn, 3)).map(({ status }) => status))
      }
      assert.deepStrictEqual(statuses, [
        [401, 401, 429],
        [401, 401, 401]
      ])
      const [typo, limit] = yield* Effect.all([
        run(["serve", folder, "--environment", "prodution"]),
        run(["serve", folder, "--rate-limit", "logins=2/1h"])
      ])
      assert.deepStrictEqual([typo.code, limit.code], [1, 1])
      assert.match(
        typo.stderr,
        /unknown environment "prodution" of .*: its folder "environments" has development, production/
      )
      assert.match(
        limit.stderr,
        /unknown --rate-limit "logins": expected login-account, login-address, register-account/
      )
    })
  )

  it.live("trusts the proxies of the flag, or else those of the variable", () =>
    Effect.gen(function* () {
      const folder = yield* directory(anonymousApp("my-app"))
      const variable = (proxies: string) => ({ APP_SERVICES_TRUSTED_PROXIES: proxies })
      const hostname = Effect.fnUntraced(function* (start: ReturnType<typeof serveJson>) {
        const { ready } = yield* start
        const { body } = yield* ask(`${ready.baseUrl}/api/client/v2.0/app/my-app/location`, {
          headers: { "x-forwarded-host": "api.shop.example", "x-forwarded-proto": "https" }
        })
        return body["hostname"] === ready.baseUrl ? "its own" : body["hostname"]
      }, Effect.scoped)
      const forwarded = "https://api.shop.example"
      assert.deepStrictEqual(
        yield* Effect.all([
          hostname(serveJson([folder], variable("10.0.0.1, 127.0.0.1"))),
          hostname(serveJson([folder], variable("10.0.0.1"))),
          hostname(serveJson([folder, "--trusted-proxy", "127.0.0.1"], variable("10.0.0.1"))),
          // this machine, as without the variable
          hostname(serveJson([folder], variable("")))
        ]),
        [forwarded, "its own", forwarded, forwarded]
      )
      const { code, stderr } = yield* run(["serve", folder, "--port", "0"], variable("10.0.0.1,proxy"))
      assert.strictEqual(code, 1)
      assert.include(stderr, 'invalid trusted proxy "proxy"')
    })
  )

  it.live("has a row in the guide for each of its flags", () =>
    Effect.gen(function* () {
      const { stdout } = yield* run(["serve", "--help"])
      const own = stdout.slice(stdout.indexOf("FLAGS"), stdout.indexOf("GLOBAL FLAGS"))
      const named = Array.from(own.matchAll(/^ +--([a-z-]+)/gm), ([, name]) => name)
      assert.include(named, "mail-format")
      const rows = guide.split("\n").filter((line) => line.startsWith("| `--"))
      const missing = named.filter(
        (name) => !rows.some((row) => new RegExp(`^\\| .--(?:no-)?${name}(?![a-z-])`).test(row))
      )
      assert.deepStrictEqual(missing, [])
    })
  )

  it("reads rate limits, and refuses what is not one", () => {
    const limits = Result.getOrThrow(
      read({ "login-address": "600/15m", "login-account": "5/30s", "email-account": "1/2h" })
    )
    const shown = (limit: { readonly limit: number; readonly window: Duration.Input } | undefined) =>
      limit === undefined ? undefined : [limit.limit, Duration.toMillis(limit.window)]
    assert.deepStrictEqual(
      [limits.logIn?.address, limits.logIn?.account, limits.email?.account, limits.email?.address].map(shown),
      [[600, 900_000], [5, 30_000], [1, 7_200_000], undefined]
    )
    for (const text of ["0/1m", "x/1m", "1/0m", "1/1d", "1", "-1/1m", "1/1m "]) {
      assert.match(
        Result.getOrThrow(Result.flip(read({ "token-address": text }))),
        /invalid --rate-limit "token-address=/
      )
    }
  })
})
