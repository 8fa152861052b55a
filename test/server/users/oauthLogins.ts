/** Logins with accounts of Google, Facebook and Apple, whose issuers are scripted. */
import { assert } from "@effect/vitest"
import { Effect, Logger, Redacted } from "effect"
import { FetchHttpClient } from "effect/http"
import { App } from "effect-app-services/server"
import { client, type Issuer, makeIssuer, type Site } from "../../support/issuer.ts"
import { ask, loginPath, root, withApps } from "../support.ts"

export type Providers = Pick<App.ProviderOptions, Site>

export const registered = { clientId: client.id, clientSecret: Redacted.make(client.secret) }
export const all: Providers = { google: registered, facebook: registered, apple: registered }

export const appWith = (providers: Providers) =>
  App.make({ id: "my-app", providers: { anonymous: true, ...providers } })

/** Runs a test with providers in this process, whose clock is the server's. */
export const withIssuer =
  <A, E>(test: (issuer: Issuer) => Effect.Effect<A, E, never>) =>
  (): Effect.Effect<A, E> => {
    const issuer = makeIssuer()
    issuer.now = () => 0
    return Effect.provideService(test(issuer), FetchHttpClient.Fetch, issuer.fetch)
  }

export const served = (issuer: Issuer, providers: Providers = all) =>
  withApps(appWith(providers), { oauthIssuers: issuer.urls })

export const logIn = (site: Site, payload: object) =>
  ask("POST", loginPath("my-app", `oauth2-${site}`), { body: payload })

export const profile = (accessToken: string | undefined) =>
  Effect.map(
    ask("GET", `${root}/auth/profile`, { token: accessToken }),
    ({ text }) => JSON.parse(text) as { data: Record<string, unknown>; identities: Array<Record<string, unknown>> }
  )

/** The answer to a login, and the only line that the log has of it. */
export const logged = (site: Site, payload: Readonly<Record<string, string>>) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
  return logIn(site, payload).pipe(
    Effect.provideService(Logger.CurrentLoggers, new Set([logger])),
    Effect.map(({ body, status }) => {
      assert.strictEqual(lines.length, 1, lines.join("\n"))
      for (const secret of [...Object.values(payload), client.secret]) {
        if (secret.length > 8) assert.notInclude(`${lines[0]} ${JSON.stringify(body)}`, secret)
      }
      return { status, body, line: lines[0]?.replace(`oauth2-${site}: `, "") }
    })
  )
}

export const unauthorized = { error: "unauthorized", error_code: "AuthError" }

/** The reason for rejecting a login, which is only in the server's log. */
export const refusal = (site: Site, payload: Readonly<Record<string, string>>) =>
  Effect.map(logged(site, payload), ({ body, line, status }) => {
    assert.deepStrictEqual([status, body], [401, unauthorized])
    return line?.replace("Info rejected a login: ", "")
  })
