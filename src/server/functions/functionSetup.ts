/** The configuration of the processes that run an application's functions. */
import * as Redacted from "effect/Redacted"
import type { App, AppFunction } from "../model/App.ts"
import { idOf } from "../model/Apps.ts"
import type { Setup, SourceFunction } from "./shared/messages.ts"
import * as values from "./shared/values.ts"

/** The limits of an application's functions. */
export interface Limits {
  /** The time limit of a call, and of running without yielding, in milliseconds. */
  readonly timeLimitMillis: number
  /** The memory limit of the functions in one process, buffers included, in bytes. */
  readonly memoryLimit: number
}

export const setupOf = (app: App, limits: Limits): Setup => {
  const sources = new Map<string, SourceFunction>()
  for (const [name, fn] of app.functions) {
    if (fn.body._tag !== "Source") continue
    const { file, text } = fn.body
    sources.set(name, { text, file, openTo: openTo(fn), asSystem: fn.runAs._tag === "System" })
  }
  const plain = (value: unknown) => values.write(Redacted.isRedacted(value) ? Redacted.value(value) : value)
  return {
    appId: app.id,
    root: app.root,
    sources,
    values: new Map([...app.values].map(([name, value]) => [name, plain(value)])),
    app: values.write(metadata(app)),
    dataSources: new Set(app.dataSources.keys()),
    services: new Map(
      Array.from(app.services, ([name, { rules, type }]) => [name, { type, hasRules: rules.length > 0 }])
    ),
    ...limits,
    environment: values.write({
      tag: app.environment.tag,
      values: Object.fromEntries(app.environment.values)
    })
  }
}

/** The object `context.app`. */
const metadata = ({ deployment: { model, providerRegion }, hosting, id, name }: App) => ({
  id: idOf(id),
  clientAppId: id,
  name,
  projectId: idOf(`the project of ${id}`),
  deployment: { model, providerRegion },
  ...(hosting?.uri !== undefined && { hostingUri: hosting.uri }),
  // @effect-diagnostics-next-line globalDate:off -- the application was deployed where the process began
  lastDeployed: new Date(performance.timeOrigin).toISOString()
})

/** Which functions may call a function without the server, which has to evaluate rules and settings. */
const openTo = ({ closed, gate, runAs }: AppFunction): SourceFunction["openTo"] => {
  if (closed || (runAs._tag !== "System" && runAs._tag !== "Caller")) return "none"
  return gate === undefined ? "all" : "system"
}
