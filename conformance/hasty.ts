/**
 * The same application on a server of this process, for what takes long elsewhere: its clock can be advanced,
 * its functions have a short time limit, and users can be disabled.
 */
import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { Clock, Duration, Effect, Layer, Logger, ManagedRuntime } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { Admin, AppDirectory } from "effect-app-services/server"
import { join } from "node:path"

export interface Hasty {
  readonly baseUrl: string
  /** Advances the server's clock. */
  readonly pass: (time: Duration.Input) => void
  readonly disableUser: (id: string) => Promise<void>
  readonly enableUser: (id: string) => Promise<void>
}

const server = Layer.unwrap(
  Effect.map(AppDirectory.load(join(import.meta.dirname, "apps/main")), (app) =>
    NodeAppServicesServer.layer(app, {
      passwordHashing: "testing",
      functionTimeLimit: "3 seconds",
      shutdownTimeout: "100 millis"
    })
  )
).pipe(Layer.provide([NodeFileSystem.layer, NodePath.layer, Logger.layer([])]))

/** Runs a check against a new server. */
export const hastily = async (check: (host: Hasty) => Promise<unknown>): Promise<void> => {
  const real = Clock.Clock.defaultValue()
  let passed = 0
  const now = () => real.currentTimeMillisUnsafe() + passed
  const clock: Clock.Clock = Object.assign(Object.create(real), {
    currentTimeMillisUnsafe: now,
    currentTimeMillis: Effect.sync(now)
  })
  const runtime = ManagedRuntime.make(Layer.provideMerge(server, Layer.succeed(Clock.Clock, clock)))
  try {
    const [baseUrl, admin] = await runtime.runPromise(
      Effect.gen(function* () {
        return [yield* NodeAppServicesServer.baseUrl, yield* Admin.Admin] as const
      })
    )
    await check({
      baseUrl,
      pass: (time) => {
        passed += Duration.toMillis(time)
      },
      disableUser: (id) => runtime.runPromise(admin.disableUser("conform-main", id)),
      enableUser: (id) => runtime.runPromise(admin.enableUser("conform-main", id))
    })
  } finally {
    await runtime.dispose()
  }
}
