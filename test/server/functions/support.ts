import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AppServicesServer } from "effect-app-services/server"
import { AppDirectory } from "effect-app-services/server"
import { anonymous, callFunction, directory, inProcess } from "../support.ts"

export interface Source {
  readonly [name: string]:
    | string
    | { readonly source: string; readonly private?: boolean; readonly can_evaluate?: unknown }
}

/** An exported application of these functions, in process. */
export const exported = (sources: Source, files: Record<string, unknown> = {}, options?: AppServicesServer.Options) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const entries = Object.entries(sources).map(
        ([name, source]) => [name, typeof source === "string" ? { source } : source] as const
      )
      const folder = yield* directory({
        "realm_config.json": { app_id: "my-app" },
        "auth/providers.json": { "anon-user": { name: "anon-user", type: "anon-user", disabled: false } },
        "functions/config.json": entries.map(([name, { source: _, ...config }]) => ({
          name,
          run_as_system: true,
          ...config
        })),
        ...Object.fromEntries(entries.map(([name, { source }]) => [`functions/${name}.js`, source])),
        ...files
      })
      return inProcess(yield* AppDirectory.load(folder), options)
    })
  ).pipe(Layer.provide([NodeFileSystem.layer, NodePath.layer]))

/** Calls the function `f` of these sources. */
export const call = (
  source: string,
  args: ReadonlyArray<unknown> = [],
  others: Source = {},
  files: Record<string, unknown> = {}
) =>
  Effect.gen(function* () {
    const { access_token } = yield* anonymous()
    return yield* callFunction(access_token, "f", args)
  }).pipe(Effect.provide(exported({ f: source, ...others }, files)))

export const result = (...args: Parameters<typeof call>) =>
  Effect.map(call(...args), ({ status, text }) => {
    assert.strictEqual(status, 200, text)
    return JSON.parse(text) as unknown
  })
