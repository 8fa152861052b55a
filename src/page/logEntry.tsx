/** One entry of the log: as a row, and with everything that is known about it. */
import type { WireEntry } from "./api.ts"
import { href } from "./hooks.ts"
import { millisText } from "./parts.tsx"

/** The time of day, with milliseconds. */
const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3
})

const client = "/api/client/v2.0"

/** A path without what all paths of the application have. */
const shortPath = ({ app, path }: Extract<WireEntry, { readonly kind: "request" }>): string =>
  app === undefined ? path : path.replace(`${client}/app/${app}/`, ".../")

/** The first words of a row: a status, or a level. */
const markOf = (entry: WireEntry): string => (entry.kind === "request" ? String(entry.status ?? "gone") : entry.level)

/** What an entry is about, in one line. */
const titleOf = (entry: WireEntry): string =>
  entry.kind === "request"
    ? [entry.method, shortPath(entry), ...(entry.call === undefined ? [] : [entry.call])].join(" ")
    : `${entry.function === undefined ? "" : `${entry.function}: `}${entry.text.split("\n", 1)[0] ?? ""}`

const toneOf = ({ level }: WireEntry): string => (level === "error" ? "bad" : level === "warning" ? "warning" : "plain")

/** The parts of a row. */
export const EntryRow = ({ entry }: { readonly entry: WireEntry }) => (
  <>
    <span class="log-time">{clock.format(entry.at)}</span>
    <span class={`log-mark ${toneOf(entry)}`}>{markOf(entry)}</span>
    <span class="log-title">{titleOf(entry)}</span>
    <span class="log-facts">
      {entry.kind === "request" ? [entry.code, millisText(entry.millis)].filter(Boolean).join("  ") : entry.trigger}
    </span>
  </>
)

const factsOf = (entry: WireEntry): ReadonlyArray<readonly [string, string | undefined]> => [
  ["Time", new Date(entry.at).toISOString()],
  ...(entry.kind === "request"
    ? ([
        ["Request", `${entry.method} ${entry.path}`],
        ["Status", entry.status === undefined ? "the client disconnected before the answer" : String(entry.status)],
        ["Error code", entry.code],
        ["Duration", millisText(entry.millis)],
        ["Call", entry.call],
        ["Address", entry.address]
      ] as const)
    : ([
        ["Level", entry.level],
        ["Function", entry.function],
        ["Trigger", entry.trigger]
      ] as const)),
  ["Application", entry.app]
]

/** Everything that is known about an entry. */
export const EntryDetails = ({ app, entry }: { readonly app: string; readonly entry: WireEntry }) => (
  <>
    {entry.kind === "message" && <pre class="code">{entry.text}</pre>}
    <dl class="facts">
      {factsOf(entry).map(([name, value]) =>
        value === undefined ? null : (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="mono">{value}</dd>
          </div>
        )
      )}
      {entry.userId !== undefined && (
        <div>
          <dt>User</dt>
          <dd class="mono">
            <a href={href("users", { app: entry.app ?? app, user: entry.userId })}>{entry.userId}</a>
          </dd>
        </div>
      )}
      {entry.logId !== undefined && (
        <div>
          <dt>Id in the log</dt>
          <dd class="mono">
            <a href={href("log", { app, text: entry.logId })}>{entry.logId}</a>
          </dd>
        </div>
      )}
    </dl>
  </>
)
