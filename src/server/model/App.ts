/**
 * The definition of an application: its authentication providers, functions, values and custom user data.
 *
 * {@link make} defines one in code; `AppDirectory.load` reads one from an exported directory.
 *
 * @example
 * ```ts
 * import { App } from "effect-app-services/server"
 * import { Effect } from "effect"
 *
 * const app = App.make({
 *   id: "my-app",
 *   providers: { anonymous: true, emailPassword: true },
 *   functions: {
 *     sum: (a: number, b: number) => Effect.succeed(a + b),
 *     audit: { private: true, handler: (what: string) => Effect.log(what) }
 *   }
 * })
 * ```
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { ProviderType } from "../../protocol/Provider.ts"
import * as CustomToken from "./CustomToken.ts"
import * as OAuthProvider from "./OAuthProvider.ts"
import type { DataSource } from "../data/DataAccess.ts"
import { type IndexOptions, parseOptions } from "../data/Index.ts"
import type { AppFunction, Handler } from "./AppFunction.ts"
import type { DataApi } from "./DataApi.ts"
import { type EmailPassword, type EmailPasswordOptions, makeEmailPassword } from "./EmailPassword.ts"
import type { Endpoint } from "./Endpoint.ts"
import type { FunctionContext, FunctionUser } from "./FunctionContext.ts"
import type { GraphQl } from "./GraphQl.ts"
import type { Hosting } from "./Hosting.ts"
import { makeOrigins } from "./Origin.ts"
import type { Service } from "./Service.ts"
import type { Trigger } from "./Trigger.ts"

export type {
  /**
   * How e-mail addresses are confirmed and passwords reset.
   *
   * @category models
   * @since 0.1.0
   */
  EmailPasswordOptions,
  /**
   * The provider `local-userpass` as the server runs it.
   *
   * @category models
   * @since 0.1.0
   */
  EmailPassword
} from "./EmailPassword.ts"

export type {
  /**
   * The template of an e-mail.
   *
   * @category models
   * @since 0.1.0
   */
  MailTemplate
} from "./MailTemplate.ts"

export type {
  /** A function written in code. */
  Handler,
  /** A function of an application, as the server runs it. */
  AppFunction
} from "./AppFunction.ts"

/**
 * A function written in code, with settings.
 *
 * @category models
 * @since 0.1.0
 */
export interface HandlerOptions {
  readonly handler: Handler
  /**
   * Whether only other functions can call it, and no client.
   *
   * @default false
   */
  readonly private?: boolean | undefined
  /**
   * The identity under which it uses the database: the `"system"` without rules, or the `"caller"` under the rules.
   *
   * @default "system"
   */
  readonly runAs?: "system" | "caller" | undefined
}

/** The services that Effects among a function's results require; unknown for an untyped result. */
type Needs<Result> = 0 extends 1 & Result
  ? never
  : Result extends Effect.Effect<infer _A, infer _E, infer R> | Stream.Stream<infer _A, infer _E, infer R>
    ? R
    : never

/** A function may require `FunctionContext` only. Anything else is a type error at the function. */
type Checked<F> = F extends (...args: infer _Args) => infer Result
  ? [Needs<Result>] extends [FunctionContext]
    ? F
    : ["a function may only require FunctionContext, provide the rest", Needs<Result>]
  : F

type CheckedFunctions<Functions> = {
  readonly [Name in keyof Functions]: Functions[Name] extends { readonly handler: infer F }
    ? Omit<Functions[Name], "handler"> & { readonly handler: Checked<F> }
    : Checked<Functions[Name]>
}

/**
 * The authentication providers. All are off by default.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProviderOptions extends OAuthProvider.AllOptions {
  /** Whether users can log in without credentials. Each such login creates a user. */
  readonly anonymous?: boolean | undefined
  /** Logins with e-mail address and password. `true` confirms an address at registration. */
  readonly emailPassword?: boolean | EmailPasswordOptions | undefined
  /** Whether users can create API keys and log in with them. */
  readonly apiKey?: boolean | undefined
  /** A function, or the name of one: it receives the credentials and returns the user's id, or `{ id, name }`. */
  readonly customFunction?: string | Handler | undefined
  /** The issuer whose JSON Web Tokens are accepted. */
  readonly customToken?: CustomToken.Options | undefined
}

/**
 * The collection of custom user data: a user's document has the user's id in `userIdField`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CustomUserDataCollection {
  /**
   * The data source.
   *
   * @default "mongodb-atlas"
   */
  readonly service?: string | undefined
  readonly database: string
  readonly collection: string
  /** The field with the user's id, as a string or an ObjectId. */
  readonly userIdField: string
}

/**
 * The source of custom user data: a function of the user, or a collection.
 *
 * @category models
 * @since 0.1.0
 */
export type CustomUserData = CustomUserDataCollection | ((user: FunctionUser) => unknown)

/**
 * The definition that {@link make} takes: everything but the id is optional.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<Functions> {
  /** The application's id, by which clients name it. Not empty. */
  readonly id: string
  /** How users can log in. All providers are off by default. */
  readonly providers?: ProviderOptions | undefined
  /** The functions by name, each with or without settings. */
  readonly functions?: Functions | undefined
  /** The source of the custom data in a user's access token. By default there is none. */
  readonly customUserData?: CustomUserData | undefined
  /**
   * The data sources by name. In an `"open"` one every user can read and write every document; a `"closed"` one, like a data
   * source that is not listed, is for functions that run as the system.
   */
  readonly mongodb?: Readonly<Record<string, "open" | "closed">> | undefined
  /** The indexes of collections, which exist when the server has started. */
  readonly indexes?: ReadonlyArray<CollectionIndex> | undefined
  /**
   * The origins of the pages that may send requests, such as `https://app.example.com`. Requests without an `Origin`, as of
   * programs, and those of the server's own pages are not concerned.
   *
   * @default all
   */
  readonly allowedRequestOrigins?: ReadonlyArray<string> | undefined
  /** The names of the push services that devices can register with. */
  readonly push?: ReadonlyArray<string> | undefined
  /** Name of a function that receives each new user; if it fails the user is not created. */
  readonly onUserCreation?: string | undefined
  /** Values that functions can read. A `Redacted` one is a secret. */
  readonly values?: Readonly<Record<string, unknown>> | undefined
  /** The environment that functions read: its tag, such as `"production"`, and values that depend on it. */
  readonly environment?:
    | { readonly tag?: string | undefined; readonly values?: Readonly<Record<string, unknown>> | undefined }
    | undefined
  /** How long tokens are valid. */
  readonly tokens?:
    | {
        /** Lifetime of access tokens. @default "30 minutes" */
        readonly accessTokenLifetime?: Duration.Input | undefined
        /**
         * Lifetime of refresh tokens; those of anonymous users are valid for 50 years in any case. @default "60 days"
         */
        readonly refreshTokenLifetime?: Duration.Input | undefined
      }
    | undefined
}

/**
 * A note about a loaded application for its operator: what is unsupported, missing or ignored.
 *
 * @category models
 * @since 0.1.0
 */
export interface Notice {
  /** The file, with the line and the column if they are known: `functions/order.js:3`, `auth/providers.json:5:7`. */
  readonly file: string | undefined
  readonly message: string
  /**
   * Whether it is a mistake that can be mended in the file. `serve --watch` does not replace an application by a version that has
   * new ones.
   *
   * @default false
   */
  readonly mistake?: boolean | undefined
}

/**
 * An application that a server can run, made by {@link make} or `AppDirectory.load`.
 *
 * @category models
 * @since 0.1.0
 */
export interface App {
  /** The id by which clients name the application. */
  readonly id: string
  /** The name that exported functions read as `context.app.name`. */
  readonly name: string
  /** The authentication providers. `undefined` and `false` are off. */
  readonly providers: {
    readonly anonymous: boolean
    readonly emailPassword: EmailPassword | undefined
    readonly apiKey: boolean
    readonly customFunction: AppFunction | undefined
    readonly customToken: CustomToken.CustomToken | undefined
    /** Google, Facebook and Apple. */
    readonly oauth: ReadonlyMap<OAuthProvider.OAuthType, OAuthProvider.OAuthProvider>
  }
  /** Which parts of the data sources clients can reach, by name. */
  readonly dataSources: ReadonlyMap<string, DataSource>
  /** The names of the push services. */
  readonly push: ReadonlySet<string>
  /** The services other than data sources, by name. */
  readonly services: ReadonlyMap<string, Service>
  /** The functions by name, also those that no client can call. */
  readonly functions: ReadonlyMap<string, AppFunction>
  /** HTTPS endpoints and incoming webhooks, the first of those that name one route and method. */
  readonly endpoints: ReadonlyArray<Endpoint>
  readonly dataApi: DataApi | undefined
  readonly graphql: GraphQl | undefined
  readonly triggers: ReadonlyArray<Trigger>
  /** Static files. */
  readonly hosting: Hosting | undefined
  /** The origins of the pages that may send requests; empty for all. */
  readonly allowedRequestOrigins: ReadonlySet<string>
  /** The source of custom user data. */
  readonly customUserData: CustomUserData | undefined
  /** The name of the function that is called with each new user. */
  readonly onUserCreation: string | undefined
  /** The values that functions read, by name. A secret is `Redacted`. */
  readonly values: ReadonlyMap<string, unknown>
  /** The environment that functions read. An application without one has the tag `""`. */
  readonly environment: { readonly tag: string; readonly values: ReadonlyMap<string, unknown> }
  /** How long tokens are valid. */
  readonly tokens: {
    readonly accessTokenLifetime: Duration.Duration
    readonly refreshTokenLifetime: Duration.Duration
  }
  /** The deployment that the location route and `context.app` report. */
  readonly deployment: {
    readonly location: string
    readonly model: "GLOBAL" | "LOCAL"
    /** For example `"aws-us-east-1"`. */
    readonly providerRegion: string
  }
  /** The folder that `require` resolves modules from in functions. */
  readonly root: string | undefined
  /** The documents that the application starts with. */
  readonly data: ReadonlyArray<Collection>
  /** The indexes of collections. */
  readonly indexes: ReadonlyArray<CollectionIndex>
  /** The notes about loading. */
  readonly report: ReadonlyArray<Notice>
}

/**
 * The documents that a collection starts with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Collection {
  /**
   * The data source.
   *
   * @default "mongodb-atlas", or another one if the application does not have that
   */
  readonly service?: string | undefined
  readonly database: string
  readonly collection: string
  readonly documents: ReadonlyArray<Record<string, unknown>>
}

/**
 * An index of a collection, with the options of MongoDB's `createIndex`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CollectionIndex extends IndexOptions {
  /**
   * The data source.
   *
   * @default "mongodb-atlas", or another one if the application does not have that
   */
  readonly service?: string | undefined
  readonly database: string
  readonly collection: string
}

/** @internal */
export const defaults = {
  accessTokenLifetime: Duration.minutes(30),
  refreshTokenLifetime: Duration.days(60),
  deployment: { location: "US-VA", model: "GLOBAL", providerRegion: "aws-us-east-1" }
} as const

/**
 * The data source of what names none: `mongodb-atlas`, or the first one if the application does not have that.
 *
 * @internal
 */
export const mainSource = ({ dataSources }: Pick<App, "dataSources">): string => {
  const [first] = dataSources.keys()
  return first === undefined || dataSources.has("mongodb-atlas") ? "mongodb-atlas" : first
}

/**
 * Defines an application in code. Throws an `Error` if the id is empty or the options of a provider or of an index are
 * invalid. If a function that is named in the options does not exist, the calls of it fail.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const Functions extends Readonly<Record<string, Handler | HandlerOptions>> = {}>(
  options: Options<Functions> &
    (Functions extends CheckedFunctions<Functions> ? unknown : { readonly functions: CheckedFunctions<Functions> })
): App => {
  if (options.id === "") throw new Error('invalid id "": expected the id that clients name the application by')
  const functions = new Map<string, AppFunction>()
  const definitions: Readonly<Record<string, Handler | HandlerOptions>> = options.functions ?? {}
  for (const [name, definition] of Object.entries(definitions)) {
    functions.set(
      name,
      typeof definition === "function"
        ? fromHandler(name, definition)
        : {
            ...fromHandler(name, definition.handler),
            private: definition.private ?? false,
            runAs: { _tag: definition.runAs === "caller" ? "Caller" : "System" }
          }
    )
  }
  const { anonymous, apiKey, customFunction, customToken, emailPassword, ...oauth } = options.providers ?? {}
  const find = (name: string, definition: string | Handler | undefined): AppFunction | undefined =>
    typeof definition === "string"
      ? (functions.get(definition) ?? missing(definition))
      : definition === undefined
        ? undefined
        : fromHandler(name, definition)
  return {
    id: options.id,
    name: options.id,
    providers: {
      anonymous: anonymous ?? false,
      emailPassword:
        emailPassword === undefined || emailPassword === false
          ? undefined
          : makeEmailPassword(emailPassword === true ? {} : emailPassword, find),
      apiKey: apiKey ?? false,
      customFunction: find("custom-function", customFunction),
      customToken: customToken === undefined ? undefined : CustomToken.make(customToken),
      oauth: OAuthProvider.makeAll(oauth)
    },
    dataSources: new Map(
      Object.entries(options.mongodb ?? {}).map(([name, access]) => [
        name,
        { open: access === "open", collections: new Map() }
      ])
    ),
    push: new Set(options.push),
    services: new Map(),
    functions,
    endpoints: [],
    dataApi: undefined,
    graphql: undefined,
    triggers: [],
    hosting: undefined,
    allowedRequestOrigins: makeOrigins(options.allowedRequestOrigins),
    customUserData: options.customUserData,
    onUserCreation: options.onUserCreation,
    values: new Map(Object.entries(options.values ?? {})),
    environment: {
      tag: options.environment?.tag ?? "",
      values: new Map(Object.entries(options.environment?.values ?? {}))
    },
    tokens: {
      accessTokenLifetime: Duration.fromInputUnsafe(
        options.tokens?.accessTokenLifetime ?? defaults.accessTokenLifetime
      ),
      refreshTokenLifetime: Duration.fromInputUnsafe(
        options.tokens?.refreshTokenLifetime ?? defaults.refreshTokenLifetime
      )
    },
    deployment: defaults.deployment,
    root: undefined,
    data: [],
    indexes: (options.indexes ?? []).map(checkIndex),
    report: []
  }
}

const checkIndex = (index: CollectionIndex): CollectionIndex => {
  const { collection, database, service, ...options } = index
  try {
    return { collection, database, service, ...parseOptions(options) }
  } catch (cause) {
    throw new Error(`invalid index of ${database}.${collection}: ${cause instanceof Error ? cause.message : ""}`, {
      cause
    })
  }
}

const fromHandler = (name: string, handler: Handler): AppFunction => ({
  name,
  private: false,
  closed: false,
  gate: undefined,
  runAs: { _tag: "System" },
  body: { _tag: "Handler", handler }
})

/**
 * A function that is named somewhere but does not exist. Calls fail with `FunctionNotFound`.
 *
 * @internal
 */
export const missing = (name: string): AppFunction => ({
  name,
  private: false,
  closed: false,
  gate: undefined,
  runAs: { _tag: "Caller" },
  body: { _tag: "Broken", code: "FunctionNotFound", message: `function not found: '${name}'` }
})

/**
 * The names of the providers that are on.
 *
 * @category accessors
 * @since 0.1.0
 */
export const providerTypes = ({ providers }: App): ReadonlyArray<ProviderType> => [
  ...(providers.anonymous ? (["anon-user"] as const) : []),
  ...(providers.emailPassword === undefined ? [] : (["local-userpass"] as const)),
  ...(providers.apiKey ? (["api-key"] as const) : []),
  ...(providers.customFunction === undefined ? [] : (["custom-function"] as const)),
  ...(providers.customToken === undefined ? [] : (["custom-token"] as const)),
  ...providers.oauth.keys()
]
