import * as promised from "effect-app-services/promise"
import * as RealmWeb from "realm-web"

/**
 * The clients that the same code runs on: `realm-web` as published, and the entry point that takes its place. The tests are
 * written in the types of `realm-web`.
 */
export const sdks: ReadonlyArray<readonly [name: string, sdk: typeof RealmWeb]> = [
  ["realm-web 2.0.1, unmodified", RealmWeb],
  ["effect-app-services/promise in its place", promised as unknown as typeof RealmWeb]
]
