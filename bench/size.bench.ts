/** Sizes of browser bundles. The gate `package` checks their limits. */
import { join } from "node:path"
import { weigh } from "../scripts/bundles.ts"

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`

export default async () =>
  (await weigh(join(import.meta.dirname, ".."))).map(({ bytes, limit, name }) => ({
    bundle: name,
    gzip: kilobytes(bytes),
    limit: limit === undefined ? "" : kilobytes(limit)
  }))
