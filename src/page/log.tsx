/** The log of the server as it grows: requests, and lines of functions and of the server. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks"
import { read, type WireEntry, type WireLog } from "./api.ts"
import { adjust, go, usePoll } from "./hooks.ts"
import { EntryDetails, EntryRow } from "./logEntry.tsx"
import { Button, Empty, Failure, Heading, Search } from "./parts.tsx"
import type { ViewProps } from "./view.ts"
import { VirtualList } from "./virtualList.tsx"

/** The most entries that the page keeps. */
const most = 20_000

const statuses = {
  "": "Any status",
  problems: "Warnings and errors",
  "2": "2xx",
  "3": "3xx",
  "4": "4xx",
  "5": "5xx",
  error: "Error lines",
  warning: "Warning lines"
} as const

interface Filters {
  readonly app: string
  readonly text: string
  readonly kind: string
  readonly status: string
  readonly user: string
  readonly call: string
}

const includes = (text: string | undefined, part: string): boolean =>
  part === "" || (text?.toLowerCase().includes(part.toLowerCase()) ?? false)

const hasStatus = (entry: WireEntry, status: string): boolean => {
  if (status === "") return true
  if (status === "problems") return entry.level === "error" || entry.level === "warning"
  if (status === "error" || status === "warning") return entry.kind === "message" && entry.level === status
  return entry.kind === "request" && String(entry.status ?? "").startsWith(status)
}

const textOfEntry = (entry: WireEntry): string =>
  entry.kind === "request"
    ? [entry.method, entry.path, entry.call, entry.code, entry.address, entry.logId, entry.userId].join(" ")
    : [entry.text, entry.function, entry.trigger, entry.logId, entry.userId].join(" ")

const isWanted = (entry: WireEntry, { app, call, kind, status, text, user }: Filters): boolean =>
  // an id names one request: the link of an error does not tell its application
  (entry.app === undefined || entry.app === app || entry.logId === text) &&
  (kind === "" || entry.kind === kind) &&
  hasStatus(entry, status) &&
  includes(entry.userId, user) &&
  includes(entry.kind === "request" ? entry.call : entry.function, call) &&
  includes(textOfEntry(entry), text)

/** Reads all entries, then those that come after them. */
const useLog = () => {
  const kept = useRef<{ run: string; entries: ReadonlyArray<WireEntry> }>({ run: "", entries: [] })
  return usePoll("log", 1000, async (signal) => {
    const readAfter = (seq: number) => read<WireLog>(`/log?after=${seq}&limit=5000`, signal)
    const readOn = async (): Promise<typeof kept.current> => {
      const { entries: known, run } = kept.current
      const next = await readAfter(known.at(-1)?.seq ?? 0)
      // after a restart, the server counts from the beginning
      const restarted = run !== "" && next.run !== run
      const part = restarted ? await readAfter(0) : next
      if (part.entries.length > 0) {
        kept.current = { run: part.run, entries: [...(restarted ? [] : known), ...part.entries].slice(-most) }
      }
      return part.more ? readOn() : kept.current
    }
    return readOn()
  })
}

const keyOf = ({ seq }: WireEntry): string => String(seq)

export const Log = ({ app, params }: ViewProps) => {
  const { data: { entries, run } = {}, error } = useLog()
  const [cleared, setCleared] = useState(0)
  const [follow, setFollow] = useState(true)
  const [active, setActive] = useState<WireEntry>()
  const filters: Filters = {
    app,
    text: params.get("text") ?? "",
    kind: params.get("kind") ?? "",
    status: params.get("status") ?? "",
    user: params.get("userId") ?? "",
    call: params.get("call") ?? ""
  }
  const set = (name: string, value: string) => adjust("log", { ...Object.fromEntries(params), app, [name]: value })
  const { call, kind, status, text, user } = filters
  const shown = useMemo(
    () =>
      (entries ?? []).filter(
        (entry) => entry.seq > cleared && isWanted(entry, { app, call, kind, status, text, user })
      ),
    [entries, cleared, app, call, kind, status, text, user]
  )
  // after a restart the numbers of entries mean other ones
  useEffect(() => {
    setActive(undefined)
    setCleared(0)
  }, [run])
  const isFiltered = [text, kind, status, user, call].some((value) => value !== "")
  return (
    <div class="filled">
      <Heading title="Log">
        <Button aria-pressed={follow} onClick={() => setFollow(!follow)}>
          Follow
        </Button>
        <Button onClick={() => setCleared(entries?.at(-1)?.seq ?? 0)}>Clear the view</Button>
      </Heading>
      <div class="toolbar" role="search" aria-label="Filters of the log">
        <Search label="Text" placeholder="Path, text, code, id" value={text} onChange={(value) => set("text", value)} />
        <Search label="Function" placeholder="Function" value={call} onChange={(value) => set("call", value)} />
        <Search label="User id" placeholder="User id" value={user} onChange={(value) => set("userId", value)} />
        <select aria-label="Kind" value={kind} onChange={(event) => set("kind", event.currentTarget.value)}>
          <option value="">Requests and lines</option>
          <option value="request">Requests</option>
          <option value="message">Lines</option>
        </select>
        <select aria-label="Status" value={status} onChange={(event) => set("status", event.currentTarget.value)}>
          {Object.entries(statuses).map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
      </div>
      <Failure text={error} />
      {entries !== undefined &&
        (shown.length === 0 ? (
          <Empty title={isFiltered ? "Nothing in the log matches" : "Nothing in the log yet"}>
            <p>
              {isFiltered
                ? "The log has the newest 10,000 entries. Take a filter away to see more of them."
                : "Send a request to the application, and it is here within a second."}
            </p>
            {isFiltered && <Button onClick={() => go("log", { app })}>Show everything</Button>}
          </Empty>
        ) : (
          <VirtualList
            label="Log"
            items={shown}
            keyOf={keyOf}
            row={(entry) => <EntryRow entry={entry} />}
            active={active === undefined ? undefined : keyOf(active)}
            onActivate={setActive}
            follow={follow}
            onFollow={setFollow}
          />
        ))}
      {active !== undefined && (
        <section class="details" aria-label="The chosen entry" aria-live="polite">
          <EntryDetails app={app} entry={active} />
          <Button onClick={() => setActive(undefined)}>Close</Button>
        </section>
      )}
    </div>
  )
}
