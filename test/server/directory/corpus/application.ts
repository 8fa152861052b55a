import type { HttpMethod } from "effect/http"

/** A call of a function by an anonymous user, and its result as Extended JSON, or the message of its error. */
export interface Call {
  readonly fn: string
  readonly args?: ReadonlyArray<unknown>
  readonly result?: unknown
  readonly error?: RegExp
}

/** A request without a login, and its answer. */
export interface Request {
  readonly method: HttpMethod.HttpMethod
  readonly path: string
  readonly raw?: string
  readonly headers?: Record<string, string>
  readonly status: number
  readonly text: string | RegExp
}

/** An exported application, as people wrote them, and everything that it is expected to do. */
export interface Application {
  readonly title: string
  readonly id: string
  readonly files: Readonly<Record<string, unknown>>
  readonly calls?: ReadonlyArray<Call>
  readonly requests?: ReadonlyArray<Request>
  /** The lines of the report, each with its file. */
  readonly report?: ReadonlyArray<string>
}

export const anon = { "anon-user": { name: "anon-user", type: "anon-user", disabled: false } }

/** Functions of the newer layout; all run as the system unless they say otherwise. */
export const functions = (
  sources: Readonly<Record<string, string | { readonly source: string; readonly [key: string]: unknown }>>
) => {
  const list: Array<object> = []
  const files: Record<string, unknown> = {}
  for (const [name, given] of Object.entries(sources)) {
    const { source, ...config } = typeof given === "string" ? { source: given } : given
    list.push({ name, private: false, run_as_system: true, ...config })
    files[`functions/${name}.js`] = source
  }
  return { "functions/config.json": list, ...files }
}

/** A data source of the newer layout. */
export const source = (name = "mongodb-atlas", config: object = {}) => ({
  [`data_sources/${name}/config.json`]: {
    name,
    type: "mongodb-atlas",
    config: { clusterName: "Cluster0", readPreference: "primary", wireProtocolEnabled: false, ...config }
  }
})

/** The rules of a collection. */
export const rules = (database: string, collection: string, roles: ReadonlyArray<object>, more: object = {}) => ({
  [`data_sources/mongodb-atlas/${database}/${collection}/rules.json`]: { database, collection, roles, ...more }
})

export const everything = { read: true, write: true, insert: true, delete: true, search: true }

/** What the console exported for applications that do not use them. */
export const defaults = {
  "environments/development.json": { values: {} },
  "environments/no-environment.json": { values: {} },
  "graphql/config.json": { use_natural_pluralization: true },
  "hosting/config.json": { enabled: false, app_default_domain: "" },
  "http_endpoints/config.json": [],
  "log_forwarders/readme.md": "",
  "sync/config.json": { type: "flexible", state: "", development_mode_enabled: false }
}
