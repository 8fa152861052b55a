/** Preloaded (`--import`): a program that imports the package has its sources, whether it is built or not. */
import { registerHooks } from "node:module"

const name = "effect-app-services"

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === name || specifier.startsWith(`${name}/`)
      ? next(new URL(`../../src/${specifier.slice(name.length + 1) || "index"}.ts`, import.meta.url).href, context)
      : next(specifier, context)
})
