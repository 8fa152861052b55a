/**
 * The same application on a server of this process, where what takes minutes takes a moment: its tokens expire, its
 * functions run out of time, and somebody can disable its users.
 */
import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { Duration, Effect, Layer, Logger, ManagedRuntime } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { Admin, AppDirectory } from "effect-app-services/server"
import { join } from "node:path"

export interface Hasty {
  readonly baseUrl: string
  readonly disableUser: (id: string) => Promise<void>
  readonly enableUser: (id: string) => Promise<void>
}

/** Long enough for a slow machine to use a token at once, short enough to wait for its end. */
export const accessSeconds = 2
export const refreshSeconds = 5

const app = AppDirectory.load(join(import.meta.dirname, "apps/main")).pipe(
  Effect.map((app) => ({
    ...app,
    tokens: {
      accessTokenLifetime: Duration.seconds(accessSeconds),
      refreshTokenLifetime: Duration.seconds(refreshSeconds)
    }
  }))
)

const server = Layer.unwrap(
  Effect.map(app, (app) =>
    NodeAppServicesServer.layer(app, {
      passwordHashing: "testing",
      functionTimeLimit: "300 millis",
      shutdownTimeout: "100 millis"
    })
  )
).pipe(Layer.provide([NodeFileSystem.layer, NodePath.layer, Logger.layer([])]))

/** Runs a check against a server of its own. */
export const hastily = async (check: (host: Hasty) => Promise<unknown>): Promise<void> => {
  const runtime = ManagedRuntime.make(server)
  try {
    const [baseUrl, admin] = await runtime.runPromise(
      Effect.gen(function* () {
        return [yield* NodeAppServicesServer.baseUrl, yield* Admin.Admin] as const
      })
    )
    await check({
      baseUrl,
      disableUser: (id) => runtime.runPromise(admin.disableUser("conform-main", id)),
      enableUser: (id) => runtime.runPromise(admin.enableUser("conform-main", id))
    })
  } finally {
    await runtime.dispose()
  }
}
