/**
 * Names what an exported application declares and this server does not do, so that nothing is silently ignored.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { AppFiles } from "./AppFiles.ts"

interface Rule {
  readonly file: RegExp
  readonly message: string
  /** Says whether the file's content declares anything; any file does where this is absent. */
  readonly declares?: (content: unknown) => boolean
}

const isRecord = (u: unknown): u is Record<string, unknown> => typeof u === "object" && u !== null
const isFilled = (content: unknown): boolean => isRecord(content) && Object.keys(content).length > 0

const rules: ReadonlyArray<Rule> = [
  { file: /^triggers\/.+\.json$/, message: "triggers are not supported: this one never fires" },
  {
    file: /^https?_endpoints\/config\.json$/,
    message: "HTTPS endpoints are not supported: their routes answer 404",
    declares: isFilled
  },
  {
    file: /^(?:http_endpoints|services)\/[^/]+\/incoming_webhooks\/[^/]+\/config\.json$/,
    message: "incoming webhooks are not supported: this one answers 404"
  },
  {
    file: /^services\/[^/]+\/config\.json$/,
    message: "services other than MongoDB are not supported: functions that use this one fail",
    // devices may register with a push service (gcm), though nothing is sent through it
    declares: (content) => !(isRecord(content) && /^mongodb|^gcm$/.test(String(content["type"])))
  },
  {
    file: /^data_sources\/[^/]+\/[^/]+\/[^/]+\/schema\.json$/,
    message: "document schemas are not supported: documents of this collection are not validated",
    declares: isFilled
  },
  { file: /^graphql\/custom_resolvers\/.+\.json$/, message: "GraphQL is not supported: this resolver is never called" },
  {
    file: /^sync\/config\.json$/,
    message: "Device Sync is not supported: devices cannot synchronise",
    declares: (content) =>
      isRecord(content) && (content["state"] === "enabled" || content["development_mode_enabled"] === true)
  },
  {
    file: /^hosting\/config\.json$/,
    message: "static hosting is not supported: the files are not served",
    declares: (content) => isRecord(content) && content["enabled"] === true
  },
  {
    file: /^data_api_config\.json$|^http_endpoints\/data_api_config\.json$/,
    message: "the Data API is not supported: its routes answer 404",
    declares: (content) => isRecord(content) && content["disabled"] === false
  },
  { file: /^log_forwarders\/.+\.json$/, message: "log forwarders are not supported: nothing is forwarded" }
]

/** @internal */
export const reportUnsupported = Effect.fnUntraced(function* (files: AppFiles) {
  for (const file of files.all) {
    const rule = rules.find((rule) => rule.file.test(file))
    if (rule === undefined) continue
    if (rule.declares !== undefined && !rule.declares(yield* files.json(file, Schema.Unknown))) continue
    files.report.push({ file, message: rule.message })
  }
})
