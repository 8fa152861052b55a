/** Reads the secrets of an exported application, of which an export has only the names. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { AppFiles } from "./AppFiles.ts"

const Secrets = Schema.Record(Schema.String, Schema.Unknown)

/**
 * Finds a secret by name. A missing one is reported with the file and the purpose.
 *
 * @internal
 */
export type Find = (name: string, file: string, use: string) => Effect.Effect<Redacted.Redacted<unknown> | undefined>

/**
 * Reads `secrets.json`. Secrets that it does not have are read from environment variables.
 *
 * @internal
 */
export const load = Effect.fnUntraced(function* (files: AppFiles) {
  const secrets = (yield* files.json("secrets.json", Secrets)) ?? {}
  const find: Find = Effect.fnUntraced(function* (name, file, use) {
    if (Object.hasOwn(secrets, name)) return Redacted.make(secrets[name])
    const secret = yield* Effect.option(Config.Redacted(name))
    if (Option.isSome(secret)) return secret.value
    files.report.push({
      file,
      message:
        `the secret "${name}" of ${use} is missing: put it into secrets.json ({ "${name}": ... }) ` +
        `or into an environment variable of that name`
    })
    return undefined
  })
  return find
})
