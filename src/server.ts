/**
 * The embedded server: define an application, or load an exported one, and serve it on a socket or in process.
 *
 * @since 0.1.0
 */

/** Administrative operations on users. */
export * as Admin from "./server/users/Admin.ts"
/** The administration API over HTTP, as an `HttpApi` for its typed client. */
export * as AdminApi from "./server/api/AdminApi.ts"
/** The definition of an application. */
export * as App from "./server/model/App.ts"
/** Replaces the applications of a running server. */
export * as Applications from "./server/Applications.ts"
/** Loads applications from exported directories. */
export * as AppDirectory from "./server/directory/AppDirectory.ts"
/** Serves applications, on a socket or in process. */
export * as AppServicesServer from "./server/AppServicesServer.ts"
/** The embedded database. */
export * as Database from "./server/data/Database.ts"
/** The e-mails of a server. */
export * as Inbox from "./server/users/Inbox.ts"
/** What sends the e-mails of a server. */
export * as Mailer from "./server/users/Mailer.ts"
/** A port for MongoDB's own tools and drivers. */
export * as MongoWire from "./server/wire/MongoWire.ts"
/** The context of a function call, and its failure. */
export { FunctionContext, FunctionError } from "./server/model/FunctionContext.ts"
