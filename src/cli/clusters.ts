/** The MongoDB clusters of `serve`, by the name of the data source. */
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { App } from "../server/model/App.ts"
import * as MongoCoordination from "../server/mongodb/MongoCoordination.ts"
import * as MongoDatabase from "../server/mongodb/MongoDatabase.ts"
import * as MongoUsers from "../server/mongodb/MongoUsers.ts"

/** The name of the variable with the connection strings. */
export const variable = "MONGODB_URI"

/** The flag `--mongodb`, which can be repeated. */
export const flag = Flag.Redacted("mongodb").pipe(
  Flag.withDescription(
    `The connection string of the MongoDB that has the documents, or NAME=URI for one data source; other users of the machine see it, and not the variable ${variable}, which may have several, separated by spaces (default: the embedded database)`
  ),
  Flag.atLeast(0)
)

/** The flag with the name of the database of users. */
export const usersDatabase = Flag.String("mongodb-users-database").pipe(
  Flag.withDescription(
    "The database of users in that MongoDB, for a server without --data (default: effect_app_services)"
  ),
  Flag.optional
)

/** The connection strings are not what was expected. */
export class ClustersError extends Schema.TaggedError<ClustersError>()("ClustersError", { message: Schema.String }) {}

const refused = (message: string) => new ClustersError({ message })

/** Where the documents are. */
export interface Clusters {
  /** The cluster of the data sources that have none of their own, and of what servers share. */
  readonly uri: Redacted.Redacted
  readonly sources: Readonly<Record<string, Redacted.Redacted>>
}

const form = /^(?:([^=:/?@\s]+)=)?(mongodb(?:\+srv)?:\/\/\S+)$/

/** A connection string, and the data source that it is for. */
const parse = (text: string) => {
  const [, name, value] = form.exec(text) ?? []
  return value === undefined
    ? // not quoted: it may have a password
      refused(
        `--mongodb and ${variable} take connection strings, mongodb://HOST or mongodb+srv://HOST, or NAME=mongodb://HOST for the data source NAME`
      )
    : Effect.succeed({ name, uri: Redacted.make(value) })
}

/** The connection strings of the variable. */
const ofVariable: Effect.Effect<ReadonlyArray<string>, Config.ConfigError> = Effect.map(
  Config.option(Config.Redacted(variable)),
  Option.match({ onNone: () => [], onSome: (text) => Redacted.value(text).trim().split(/\s+/) })
)

/** Names the first data source that has no cluster. */
const without = (apps: ReadonlyArray<Pick<App, "dataSources">>, sources: Clusters["sources"]): string | undefined =>
  apps.flatMap(({ dataSources }) => [...dataSources.keys()]).find((name) => !Object.hasOwn(sources, name))

/** Reads the connection strings of the flag, or else of the variable. */
export const read = Effect.fnUntraced(function* (
  flags: ReadonlyArray<Redacted.Redacted>,
  apps: ReadonlyArray<Pick<App, "dataSources">>
): Effect.fn.Return<Option.Option<Clusters>, ClustersError | Config.ConfigError> {
  const texts = flags.length > 0 ? flags.map(Redacted.value) : yield* ofVariable
  if (texts.length === 0) return Option.none()
  const known = new Set(apps.flatMap(({ dataSources }) => [...dataSources.keys()]))
  let usual: Redacted.Redacted | undefined
  const sources: Record<string, Redacted.Redacted> = {}
  for (const text of texts) {
    const { name, uri } = yield* parse(text)
    if (name === undefined) {
      if (usual !== undefined) {
        return yield* refused(
          "--mongodb has two connection strings without the name of a data source: write NAME=URI for one of them"
        )
      }
      usual = uri
    } else if (!known.has(name)) {
      const names = known.size === 0 ? "the applications have none" : `there are ${[...known].join(", ")}`
      return yield* refused(`--mongodb names the data source "${name}", which no application has: ${names}`)
    } else if (Object.hasOwn(sources, name)) {
      return yield* refused(`--mongodb names the data source "${name}" twice`)
    } else {
      sources[name] = uri
    }
  }
  const [first] = Object.values(sources)
  const missing = usual === undefined ? without(apps, sources) : undefined
  if (missing !== undefined) {
    return yield* refused(
      `the data source "${missing}" has no MongoDB: add --mongodb ${missing}=URI, or a connection string without a name for all others`
    )
  }
  return Option.map(Option.fromUndefinedOr(usual ?? first), (uri) => ({ uri, sources }))
})

/** The connection string of the variable that servers without a data directory keep users with. */
export const usersUri: Effect.Effect<Option.Option<Redacted.Redacted>, ClustersError | Config.ConfigError> = Effect.gen(
  function* () {
    const all = yield* Effect.forEach(yield* ofVariable, parse)
    return Option.fromUndefinedOr((all.find(({ name }) => name === undefined) ?? all[0])?.uri)
  }
)

/** The options of a server with these clusters, whose data directory, if it has one, keeps what only one server can have. */
export const serverOptions = (
  clusters: Option.Option<Clusters>,
  dataDirectory: string | undefined,
  usersDatabase: string | undefined
) =>
  Option.match(clusters, {
    onNone: () => ({}),
    onSome: ({ sources, uri }) => ({
      database: MongoDatabase.layer({ uri, sources, usersDatabase }),
      ...(dataDirectory === undefined && {
        coordination: MongoCoordination.layer({ uri, databaseName: usersDatabase }),
        users: MongoUsers.layer({ uri, databaseName: usersDatabase })
      })
    })
  })

/** Says where documents and users are, without passwords. */
export const described = ({ sources, uri }: Clusters, dataDirectory: string | undefined): string => {
  const hosts = MongoDatabase.hostsOf(uri)
  const others = Object.entries(sources).flatMap(([name, source]) => {
    const its = MongoDatabase.hostsOf(source)
    return its === hosts ? [] : [`those of "${name}" at ${its}`]
  })
  return dataDirectory === undefined
    ? [`documents and users in MongoDB at ${hosts}`, ...others].join(", ")
    : [`documents in MongoDB at ${hosts}`, ...others, `users in ${dataDirectory}`].join(", ")
}
