/**
 * Opens collections of an exported application that are closed to clients because their rules are missing or unsupported.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { App } from "../model/App.ts"
import { accessTo } from "../data/DataAccess.ts"

/**
 * A collection cannot be opened: it has supported rules, or the name is unknown. The message says what was expected.
 *
 * @category errors
 * @since 0.1.0
 */
export class OpenError extends Schema.TaggedError<OpenError>("effect-app-services/server/directory/OpenError")(
  "OpenError",
  {
    message: Schema.String
  }
) {}

/**
 * Opens a collection that is closed to clients, so that every user can read and write every document of it. The name is
 * `DATA_SOURCE/DATABASE.COLLECTION`; `"all"` opens every closed collection, also those that no file names. Collections with
 * supported rules keep them; one whose rule is not understood in part is opened by its name only. The report lists what was opened. Fails with `OpenError`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const open = (app: App, name: string): Result.Result<App, OpenError> => {
  const opened = new Map(app.dataSources)
  const reported = (what: string): App => ({
    ...app,
    dataSources: opened,
    report: [
      ...app.report,
      { file: undefined, message: `${what} open on request: every user can read and write all documents` }
    ]
  })
  if (name === "all") {
    for (const [service, source] of app.dataSources) {
      const { collections, open } = source
      opened.set(service, {
        ...source,
        open: open === false ? true : open,
        collections: new Map(Array.from(collections, ([key, access]) => [key, access === false ? true : access]))
      })
    }
    return Result.succeed(opened.size === 0 ? app : reported("all collections without rules are"))
  }
  const [, service = "", database = "", collection = ""] = /^([^/]+)\/([^.]+)\.(.+)$/s.exec(name) ?? []
  const source = app.dataSources.get(service)
  if (source === undefined) {
    const names = [...app.dataSources.keys()].join(", ")
    return Result.fail(
      new OpenError({
        message: `"${name}" is not a collection of ${app.id}: expected "all", or DATA_SOURCE/DATABASE.COLLECTION with ${
          names === "" ? "a data source, but the application has none" : `one of the data sources ${names}`
        }`
      })
    )
  }
  const access = accessTo(source, database, collection)
  if (typeof access !== "boolean" && access.closed.length === 0) {
    return Result.fail(
      new OpenError({ message: `"${name}" of ${app.id} cannot be opened: it has rules, which stay in effect` })
    )
  }
  const collections = new Map(source.collections).set(`${database}.${collection}`, true)
  opened.set(service, { ...source, collections })
  return Result.succeed(reported(`the collection "${name}" is`))
}
