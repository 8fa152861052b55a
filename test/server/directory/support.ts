import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Effect, Layer } from "effect"
import type { App } from "effect-app-services/server"
import { AppDirectory } from "effect-app-services/server"
import { directory } from "../support.ts"

export const Files = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)

const rootFiles = ["realm_config.json", "root_config.json", "stitch.json", "config.json"]

/** Loads these files, with an id unless they hold a root file of their own. */
export const load = (files: Record<string, unknown>) =>
  Effect.flatMap(
    directory(rootFiles.some((file) => file in files) ? files : { "realm_config.json": { app_id: "app" }, ...files }),
    (folder) => AppDirectory.load(folder)
  ).pipe(Effect.provide(Files))

export const refuse = (files: Record<string, unknown>) => Effect.flip(load(files))

/** What the report says of a file, line by line; without one, what it says of none. */
/** What the report says of a file, also at places in it. */
export const said = (app: App.App, file?: string) =>
  app.report
    .filter((notice) => notice.file === file || notice.file?.replace(/(?::\d+)+$/, "") === file)
    .map(({ message }) => message)
    .join("\n")

export const userpass = (config: object) => ({
  "local-userpass": { name: "local-userpass", type: "local-userpass", disabled: false, config }
})
