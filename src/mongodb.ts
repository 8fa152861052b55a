/**
 * Documents and users of applications in MongoDB, and what servers share there, by its official driver (`mongodb` 7).
 *
 * @since 0.2.0
 */
export { layer, layerConfig, MongoDatabaseError } from "./server/mongodb/MongoDatabase.ts"
export { layer as layerCoordination } from "./server/mongodb/MongoCoordination.ts"
export type { Options as CoordinationOptions } from "./server/mongodb/MongoCoordination.ts"
export type { Options } from "./server/mongodb/MongoDatabase.ts"
export { layer as layerUsers, layerConfig as layerUsersConfig } from "./server/mongodb/MongoUsers.ts"
export type { Options as UsersOptions } from "./server/mongodb/MongoUsers.ts"
