/** Preloaded (`--import`): resolves imports of the package to its sources, so that it need not be built. */
import { registerHooks } from "node:module"

const name = "effect-app-services"

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === name || specifier.startsWith(`${name}/`)
      ? next(new URL(`../../src/${specifier.slice(name.length + 1) || "index"}.ts`, import.meta.url).href, context)
      : next(specifier, context)
})
