import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { AppDirectory } from "effect-app-services/server"
import { fileURLToPath } from "node:url"

/** The example application, loaded from its directory and served on a free port of the loopback address. */
export const ShopServer = AppDirectory.load(fileURLToPath(new URL("../../examples/shop", import.meta.url))).pipe(
  Effect.map((app) => NodeAppServicesServer.layer(app, { passwordHashing: "testing" })),
  Layer.unwrap,
  Layer.provide(NodeServices.layer)
)
