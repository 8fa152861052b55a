/** Reports the unsupported features that an exported application declares, so that none is ignored silently. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { AppFiles } from "./AppFiles.ts"

interface Rule {
  readonly file: RegExp
  /** The unsupported features in the content of a file, a message for each. `path` are the groups of the expression. */
  readonly declares: (content: unknown, path: ReadonlyArray<string>) => ReadonlyArray<string>
}

const isRecord = (u: unknown): u is Record<string, unknown> => typeof u === "object" && u !== null && !Array.isArray(u)

const text = (content: unknown, key: string, otherwise = ""): string => {
  const value = isRecord(content) ? content[key] : undefined
  return typeof value === "string" && value !== "" ? value : otherwise
}

const when = (declared: boolean, message: string): ReadonlyArray<string> => (declared ? [message] : [])

const lostSync =
  "Device Sync is not supported: clients that open a synced Realm cannot connect; logins, functions and access to documents work"

const rules: ReadonlyArray<Rule> = [
  {
    file: /^data_sources\/([^/]+)\/config\.json$/,
    declares: (content, [folder]) => {
      const type = text(content, "type", "mongodb-atlas")
      return when(
        type !== "mongodb-atlas",
        `data sources of type "${type}" are not supported: "${text(content, "name", folder)}" is served as a database that starts empty`
      )
    }
  },
  {
    file: /^sync\/config\.json$/,
    declares: (content) => when(isRecord(content) && content["state"] === "enabled", lostSync)
  },
  {
    file: /^(?:services|data_sources)\/[^/]+\/config\.json$/,
    declares: (content) => {
      const config = isRecord(content) && isRecord(content["config"]) ? content["config"] : {}
      const sync = [config["sync"], config["flexible_sync"]]
      return when(
        sync.some((it) => isRecord(it) && it["state"] === "enabled"),
        lostSync
      )
    }
  },
  {
    file: /^log_forwarders\/(.+)\.json$/,
    declares: (content, [name]) =>
      when(
        !(isRecord(content) && content["disabled"] === true),
        `log forwarders are not supported: "${text(content, "name", name)}" forwards nothing, and the log is the server's output`
      )
  }
]

/** Files whose settings may name values of the environment. */
const withTemplates =
  /^(?:auth|auth_providers|data_sources|http_endpoints|https_endpoints|log_forwarders|services|triggers|values)\/.*\.json$/

const template = /%\(\s*%%environment\./

/**
 * Reports the declared features that are not supported.
 *
 * @internal
 */
export const reportUnsupported = Effect.fnUntraced(function* (files: AppFiles) {
  for (const file of files.all) {
    if (!withTemplates.test(file)) continue
    const text = yield* Effect.orElseSucceed(files.text(file), () => "")
    const at = text.search(template)
    if (at < 0) continue
    files.report.push({
      file: `${file}:${text.slice(0, at).split("\n").length}`,
      message:
        "values of the environment in settings, %(%%environment.values.NAME), are not supported: they are taken literally"
    })
  }
  for (const file of files.all) {
    for (const rule of rules) {
      const match = rule.file.exec(file)
      if (match === null) continue
      const content = yield* files.jsonOrReport(file, Schema.Unknown, "what it declares is not known")
      for (const message of rule.declares(content, match.slice(1))) files.report.push({ file, message })
    }
  }
})
