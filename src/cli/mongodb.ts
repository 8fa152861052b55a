/**
 * `serve --mongodb-port`: the port for MongoDB's own tools, and its password.
 *
 * The password is that of the variable, or the one that the data directory keeps, or a random one.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Redacted from "effect/Redacted"
import * as Stdio from "effect/Stdio"
import type { App } from "../server/model/App.ts"
import * as MongoWire from "../server/wire/MongoWire.ts"

/** The environment variable with the password. */
const variable = "APP_SERVICES_MONGODB_PASSWORD"

/** The file in a data directory with the password. */
const fileName = "mongodb-password"

/** A password, and where it comes from. */
interface Password {
  readonly value: Redacted.Redacted
  /** Where users can read it; `undefined` if it is only in this process. */
  readonly from: string | undefined
}

const given = Config.option(Config.Redacted(variable)).pipe(
  Effect.orDie,
  Effect.map(Option.filter((password) => Redacted.value(password) !== ""))
)

/** The password that a data directory keeps for its owner; a new one the first time. */
const kept = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(directory, fileName)
  if (yield* fs.exists(file)) {
    // others may have copied it with another mode
    yield* fs.chmod(file, 0o600)
    return { value: Redacted.make((yield* fs.readFileString(file)).trim()), from: file }
  }
  const value = yield* MongoWire.generatePassword
  yield* fs.writeFileString(file, `${Redacted.value(value)}\n`, { flag: "wx", mode: 0o600 })
  return { value, from: file }
})

/** The password of the port. */
const password = Effect.fnUntraced(function* (directory: string | undefined) {
  const fromVariable = yield* given
  if (Option.isSome(fromVariable)) return { value: fromVariable.value, from: `the variable ${variable}` }
  if (directory === undefined) return { value: yield* MongoWire.generatePassword, from: undefined }
  return yield* Effect.catch(kept(directory), ({ reason }) =>
    Effect.fail(
      new MongoWire.MongoWireError({
        message: `the password of the MongoDB port cannot be kept in ${directory} (${reason._tag}): set ${variable}`
      })
    )
  )
})

/** How the port is announced. */
export interface Port {
  /** The connection strings, one per data source; with the password, or with a placeholder for it. */
  readonly uris: ReadonlyArray<string>
  /** What people have to know. */
  readonly notes: ReadonlyArray<string>
}

const placeholder = "PASSWORD"

/** Opens the port, until the scope closes. */
export const open = Effect.fnUntraced(function* (
  apps: ReadonlyArray<App>,
  options: {
    readonly port: number
    /** The data directory. */
    readonly directory: string | undefined
    /** Whether to show the password anywhere. */
    readonly show: boolean
    /** Whether to show it on a terminal. */
    readonly mayShow: boolean
  }
) {
  const secret = yield* password(options.directory)
  const opened = yield* Layer.build(MongoWire.layer(apps, { port: options.port, password: secret.value }))
  const { stdoutIsTerminal } = yield* Stdio.Stdio
  const shows = options.show || (options.mayShow && (yield* stdoutIsTerminal))
  return describe(Context.get(opened, MongoWire.MongoWire), secret, shows)
})

/** Describes the port. The password is in it only if it is to be shown. */
const describe = ({ port, users }: MongoWire.Service, { from, value }: Password, show: boolean): Port => {
  const shown = show ? encodeURIComponent(Redacted.value(value)) : placeholder
  return {
    uris: users.map(
      (user) => `mongodb://${encodeURIComponent(user)}:${shown}@127.0.0.1:${port}/?directConnection=true`
    ),
    notes: [
      "past the rules: clients of this port read and write every document",
      ...(show
        ? []
        : [
            from === undefined
              ? `the password is shown on a terminal, or with --mongodb-show-password; ${variable} sets it`
              : `the password is in ${from}`
          ])
    ]
  }
}
