/** Shared by the commands on documents. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Export from "../server/data/files/Export.ts"
import type { RowStore } from "../server/storage/RowStore.ts"
import { refuse } from "./dataDirectory.ts"

export const app = Flag.String("app").pipe(Flag.withDescription("The id of the application"))

export const sourceFlag = Flag.String("source").pipe(
  Flag.withDescription("The data source (default: the one that has documents, or mongodb-atlas)"),
  Flag.optional
)

/** The data source of an application's documents. */
export const sourceOf = Effect.fnUntraced(function* (
  rowStore: RowStore["Service"],
  appId: string,
  named: Option.Option<string>
) {
  if (Option.isSome(named)) return named.value
  const known = [...new Set((yield* Export.collections(rowStore, appId)).map(({ service }) => service))]
  const [only = "mongodb-atlas", ...others] = known
  return others.length === 0
    ? only
    : yield* refuse(`${appId} has several data sources: choose one with --source: ${known.join(", ")}`)
})
