/**
 * The administration token that `serve` shares with the commands that administer a server: in a file per port, in the user's
 * home directory, that only the user can read. Anyone who can read it can administer the server.
 *
 * The variable `APP_SERVICES_ADMIN_TOKEN` takes precedence, for servers and for commands.
 */
import * as Config from "effect/Config"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Redacted from "effect/Redacted"
import { homedir } from "node:os"

/** The environment variable with the token. */
export const variable = "APP_SERVICES_ADMIN_TOKEN"

const given = Config.option(Config.Redacted(variable)).pipe(
  Effect.orDie,
  Effect.map(Option.filter((token) => Redacted.value(token) !== ""))
)

/** The token of the variable, or a new random one. */
export const make: Effect.Effect<Redacted.Redacted> = Effect.gen(function* () {
  const random = yield* SecureRandom.SecureRandom
  return Option.getOrElse(yield* given, () => undefined) ?? Redacted.make(Hex.encode(yield* random.randomBytes(32)))
}).pipe(Effect.provide(SecureRandom.layerWebCrypto))

/** The file with the token of the server on a port. */
const fileOf = (port: string) =>
  Effect.map(Path.Path, (path) => path.join(homedir(), ".effect-app-services", `${port}.token`))

/** Writes the token for the commands, until the scope closes. Returns the file. */
export const publish = Effect.fnUntraced(function* (port: string, token: Redacted.Redacted) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = yield* fileOf(port)
  yield* fs.makeDirectory(path.dirname(file), { recursive: true, mode: 0o700 })
  // creates the file, since the one that a killed server left may have another mode
  yield* fs.remove(file, { force: true })
  yield* Effect.acquireRelease(
    fs.writeFileString(file, `${Redacted.value(token)}\n`, { flag: "wx", mode: 0o600 }),
    () => Effect.ignore(fs.remove(file, { force: true }))
  )
  return file
})

/** The token of the server on a port, if there is one. */
export const read = Effect.fnUntraced(function* (port: string) {
  const token = yield* given
  if (Option.isSome(token)) return token
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.option(fs.readFileString(yield* fileOf(port)))
  return Option.map(text, (it) => Redacted.make(it.trim()))
})
