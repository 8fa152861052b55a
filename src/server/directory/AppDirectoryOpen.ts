/**
 * Opens collections of an exported application that are closed to clients, because their rules are missing or not
 * understood, where whoever runs it knows better.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { App } from "../model/App.ts"
import { accessTo } from "../data/DataAccess.ts"

/**
 * Why a collection cannot be opened; the message names what there is.
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
 * Opens a collection that is closed to clients: every user may then read and write every document of it. The name is
 * `DATA_SOURCE/DATABASE.COLLECTION`; `"all"` opens whatever is closed, collections that no file names included. What has
 * rules keeps them. The report says what was opened.
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
      { file: undefined, message: `${what} open on request: every user reads and writes all of it` }
    ]
  })
  if (name === "all") {
    for (const [service, { collections, open }] of app.dataSources) {
      opened.set(service, {
        open: open === false ? true : open,
        collections: new Map(Array.from(collections, ([key, access]) => [key, access === false ? true : access]))
      })
    }
    return Result.succeed(opened.size === 0 ? app : reported("whatever has no rules is"))
  }
  const [, service = "", database = "", collection = ""] = /^([^/]+)\/([^.]+)\.(.+)$/s.exec(name) ?? []
  const source = app.dataSources.get(service)
  if (source === undefined) {
    const names = [...app.dataSources.keys()].join(", ")
    return Result.fail(
      new OpenError({
        message: `"${name}" names no collection of ${app.id}: it takes "all", or DATA_SOURCE/DATABASE.COLLECTION with ${
          names === "" ? "a data source, of which there is none" : `one of the data sources ${names}`
        }`
      })
    )
  }
  if (typeof accessTo(source, database, collection) !== "boolean") {
    return Result.fail(new OpenError({ message: `"${name}" of ${app.id} is not closed: it has rules, which it keeps` }))
  }
  const collections = new Map(source.collections).set(`${database}.${collection}`, true)
  opened.set(service, { ...source, collections })
  return Result.succeed(reported(`the collection "${name}" is`))
}
