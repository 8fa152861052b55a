/** The functions of an application, and what comes of running one. */
import { useRef, useState } from "preact/hooks"
import { path, read, request, type WireFunction, type WireRun } from "./api.ts"
import { go, href, useAction, usePoll } from "./hooks.ts"
import { Json } from "./json.tsx"
import { EntryRow } from "./logEntry.tsx"
import { Badge, Button, Empty, Failure, Field, Heading, millisText, Search } from "./parts.tsx"
import { IndexLink, Split } from "./split.tsx"
import { type Picked, system, userOf, UserPicker } from "./userPicker.tsx"
import type { ViewProps } from "./view.ts"

const runsAs = { caller: "as its caller", system: "as the system", user: "as a chosen user" } as const

export const Functions = ({ app, params }: ViewProps) => {
  const [search, setSearch] = useState("")
  const { data, error } = usePoll(app, 5000, (signal) =>
    read<ReadonlyArray<WireFunction>>(path("apps", app, "functions"), signal)
  )
  const name = params.get("function")
  const chosen = data?.find((it) => it.name === name)
  const listed = data?.filter((it) => it.name.toLowerCase().includes(search.toLowerCase()))
  return (
    <>
      <Heading title="Functions" />
      <Failure text={error} />
      {data?.length === 0 && (
        <Empty title="The application has no functions">
          <p>An exported application has them below functions/, one written in code in the option "functions".</p>
        </Empty>
      )}
      {data !== undefined && data.length > 0 && (
        <Split
          index={
            <>
              <Search label="Search functions" placeholder="Search" value={search} onChange={setSearch} />
              <ul aria-label="Functions">
                {listed?.map((it) => (
                  <li key={it.name}>
                    <IndexLink href={href("functions", { app, function: it.name })} chosen={it.name === name}>
                      {it.name}
                      {it.unusable !== undefined && <Badge tone="bad">unusable</Badge>}
                      {it.private && <Badge>private</Badge>}
                    </IndexLink>
                  </li>
                ))}
              </ul>
            </>
          }
        >
          {chosen === undefined ? (
            <Empty title={name === null ? "Choose a function" : `There is no function "${name}"`}>
              <p>Run it with arguments of your own, as the system or as one of the users.</p>
              {name !== null && <Button onClick={() => go("functions", { app })}>Show all functions</Button>}
            </Empty>
          ) : (
            <Runner key={chosen.name} app={app} fn={chosen} />
          )}
        </Split>
      )}
    </>
  )
}

const Runner = ({ app, fn }: { readonly app: string; readonly fn: WireFunction }) => {
  const action = useAction()
  const [args, setArgs] = useState("[]")
  const [picked, setPicked] = useState<Picked>(system)
  const [run, setRun] = useState<WireRun>()
  const form = useRef<HTMLFormElement>(null)
  const start = () =>
    action.run(async () => {
      setRun(undefined)
      const call = { name: fn.name, arguments: args, ...userOf(picked) }
      setRun(await request<WireRun>("POST", path("apps", app, "functions", "run"), call))
    })
  return (
    <div class="detail">
      <h2 class="mono">{fn.name}</h2>
      <p class="muted">
        Runs {runsAs[fn.runsAs]}
        {fn.hasRule && ", if its rule allows the caller"}
        {fn.private && ", for other functions only"}
        {fn.file !== undefined && (
          <>
            {", from "}
            <code>{fn.file}</code>
          </>
        )}
      </p>
      {fn.unusable !== undefined && <Failure text={`Calls of it fail: ${fn.unusable}`} />}
      <form
        ref={form}
        onSubmit={(event) => {
          event.preventDefault()
          void start()
        }}
      >
        <Field
          label="Arguments"
          hint='Extended JSON of an array, as in [1, {"_id": {"$oid": "..."}}]. Ctrl+Enter runs it.'
        >
          {(id, describedBy) => (
            <textarea
              id={id}
              rows={4}
              spellcheck={false}
              aria-describedby={describedBy}
              value={args}
              onInput={(event) => setArgs(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || action.busy) return
                form.current?.requestSubmit()
              }}
            />
          )}
        </Field>
        <UserPicker app={app} label="As" hint="An e-mail address or an id" picked={picked} onPick={setPicked} />
        <Button kind="primary" type="submit" disabled={action.busy}>
          {action.busy ? "Running" : "Run"}
        </Button>
      </form>
      <Failure text={action.error} />
      <div aria-live="polite">{run !== undefined && <Outcome run={run} />}</div>
    </div>
  )
}

const Outcome = ({ run: { error, log, millis, result } }: { readonly run: WireRun }) => (
  <section class="outcome" aria-label="Outcome">
    <p>
      {error === undefined ? <Badge tone="good">succeeded</Badge> : <Badge tone="bad">failed</Badge>}{" "}
      <span class="muted">in {millisText(millis)}</span>
    </p>
    {error !== undefined && <Failure text={`${error.code}: ${error.message}`} />}
    {error === undefined &&
      (result === undefined ? (
        <p class="muted">It returned nothing.</p>
      ) : (
        <Json label="Result" value={JSON.parse(result)} />
      ))}
    {log.length > 0 && (
      <>
        <h3>Log</h3>
        <ol class="lines" aria-label="Log of the run">
          {log.map((entry) => (
            <li key={entry.seq}>
              {entry.kind === "message" && entry.text.includes("\n") ? (
                <pre class="code">{entry.text}</pre>
              ) : (
                <EntryRow entry={entry} />
              )}
            </li>
          ))}
        </ol>
      </>
    )}
  </section>
)
