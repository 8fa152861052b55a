/**
 * Stores sessions in files, for a backend on one machine or a command-line program.
 *
 * @since 0.1.0
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import type { PlatformError } from "effect/PlatformError"
import { TokenRecords } from "../client/TokenRecords.ts"
import { TokenStore } from "../client/TokenStore.ts"

/**
 * The records of a token store, one file each, in a directory that one process uses at a time. A record is replaced as
 * a whole, also if the machine stops during the write; only the owner of the process can read it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFileRecords = (directory: string): Layer.Layer<TokenRecords, PlatformError> =>
  TokenRecords.layerKeyValueStore.pipe(
    Layer.provide(KeyValueStore.layerFileSystem(directory)),
    Layer.provide(privateFiles(directory)),
    Layer.provide([NodeFileSystem.layer, NodePath.layer])
  )

/**
 * A token store in files; see `layerFileRecords`.
 *
 * @example
 * ```ts
 * import { AppServices } from "effect-app-services"
 * import { NodeTokenStore } from "effect-app-services/node"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const Live = AppServices.layerNoDeps({ appId: "shop-abcde", baseUrl: "http://127.0.0.1:9090" }).pipe(
 *   Layer.provide([NodeTokenStore.layerFile(".sessions"), FetchHttpClient.layer])
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFile = (directory: string): Layer.Layer<TokenStore, PlatformError> =>
  TokenStore.layerRecords.pipe(Layer.provide(layerFileRecords(directory)))

const ownerOnly = { directory: 0o700, file: 0o600 }

/** A file system that writes to a temporary file, flushes it, and renames it. */
const privateFiles = (directory: string) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      // in a folder of its own, so that a partly written file is not taken for a record
      const drafts = path.join(directory, ".drafts")
      yield* files.makeDirectory(drafts, { recursive: true, mode: ownerOnly.directory })
      yield* files.chmod(directory, ownerOnly.directory)
      let serial = 0
      const writeFileString: FileSystem.FileSystem["writeFileString"] = (target, text) =>
        Effect.suspend(() => {
          const draft = path.join(drafts, `${++serial}`)
          return Effect.gen(function* () {
            const file = yield* files.open(draft, { flag: "w", mode: ownerOnly.file })
            yield* file.writeAll(new TextEncoder().encode(text))
            yield* file.sync
          }).pipe(Effect.scoped, Effect.andThen(files.rename(draft, target)))
        })
      return { ...files, writeFileString }
    })
  )
