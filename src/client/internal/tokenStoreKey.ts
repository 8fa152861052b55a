import * as Context from "effect/Context"
import type { Service, TokenStore } from "../TokenStore.ts"

/** @internal */
export const tokenStoreKey = "effect-app-services/client/TokenStore"

/**
 * `TokenStore` without its layers: a program that asks for a store, or has one of its own, has no others in its bundle.
 *
 * @internal
 */
export const TokenStoreKey = Context.Service<TokenStore, Service>(tokenStoreKey)
