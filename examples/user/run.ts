/** Runs one of these examples against `examples/shop`: `npm run example -- sessions`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer } from "effect"
import type { AppServices, AppServicesError } from "effect-app-services"
import { AppDirectory } from "effect-app-services/server"
import { TestServer } from "effect-app-services/testing"
import { readdirSync } from "node:fs"
import { join } from "node:path"

type Example = Effect.Effect<unknown, AppServicesError, AppServices.Services>

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".ts") && file !== "run.ts")
  .map((file) => file.slice(0, -".ts".length))
const name = process.argv[2] ?? ""

const Live = AppDirectory.load(join(import.meta.dirname, "../shop")).pipe(
  Effect.map((app) => TestServer.layer(app)),
  Layer.unwrap,
  Layer.provide(NodeServices.layer)
)

const main = names.includes(name)
  ? Effect.gen(function* () {
      const { example }: { readonly example: Example } = yield* Effect.promise(() => import(`./${name}.ts`))
      yield* Console.log(yield* example)
    }).pipe(Effect.provide(Live))
  : Console.log(`which one? ${names.join(", ")}`)

NodeRuntime.runMain(main)
