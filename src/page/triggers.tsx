/** The triggers and the endpoints of an application: what became of their runs, and what can be done about it. */
import { useState } from "preact/hooks"
import { path, read, request, type WireEndpoint, type WireTrigger } from "./api.ts"
import { href, useAction, usePoll } from "./hooks.ts"
import { Badge, Button, Dialog, Empty, Failure, Heading, millisText, Table, Time, type Tone } from "./parts.tsx"
import type { ViewProps } from "./view.ts"

const tones: Readonly<Record<WireTrigger["status"], Tone>> = {
  running: "good",
  suspended: "bad",
  disabled: "plain",
  waiting: "warning"
}

export const Triggers = ({ app }: ViewProps) => {
  const { data, error, reload } = usePoll(app, 2000, async (signal) => {
    const [triggers, endpoints] = await Promise.all([
      read<ReadonlyArray<WireTrigger>>(path("apps", app, "triggers"), signal),
      read<ReadonlyArray<WireEndpoint>>(path("apps", app, "endpoints"), signal)
    ])
    return { triggers, endpoints }
  })
  return (
    <>
      <Heading title="Triggers and endpoints" />
      <Failure text={error} />
      {data !== undefined && (
        <>
          <section>
            <h2>Triggers</h2>
            {data.triggers.length === 0 ? (
              <Empty title="The application has no triggers">
                <p>They run functions on a schedule, when documents change, or when users log in.</p>
              </Empty>
            ) : (
              <TriggerTable app={app} triggers={data.triggers} onChange={reload} />
            )}
          </section>
          <section>
            <h2>Endpoints</h2>
            {data.endpoints.length === 0 ? (
              <Empty title="The application has no endpoints">
                <p>They answer HTTP requests of other systems with functions.</p>
              </Empty>
            ) : (
              <EndpointTable app={app} endpoints={data.endpoints} />
            )}
          </section>
        </>
      )}
    </>
  )
}

const LastRun = ({ lastRun }: Pick<WireTrigger, "lastRun">) =>
  lastRun === undefined ? (
    <span class="muted">never</span>
  ) : (
    <>
      <Time at={lastRun.at} />{" "}
      {lastRun.failed ? <Badge tone="bad">failed</Badge> : <Badge tone="good">succeeded</Badge>}{" "}
      <span class="muted">{millisText(lastRun.millis)}</span>
    </>
  )

const TriggerTable = ({
  app,
  onChange,
  triggers
}: {
  readonly app: string
  readonly triggers: ReadonlyArray<WireTrigger>
  readonly onChange: () => void
}) => {
  const action = useAction()
  const [resuming, setResuming] = useState<WireTrigger>()
  const run = (name: string) =>
    action.run(async () => {
      await request("POST", path("apps", app, "triggers", name, "run"))
      onChange()
    })
  return (
    <>
      <Failure text={action.error} />
      <Table label="Triggers" head={["Trigger", "State", "Runs", "Failures", "Last run", "Last failure", ""]}>
        {triggers.map((trigger) => (
          <tr key={trigger.name}>
            <td>
              <strong>{trigger.name}</strong>
              <br />
              <span class="muted">
                {trigger.type.toLowerCase()},{" "}
                <a href={href("functions", { app, function: trigger.function })}>{trigger.function}</a>
              </span>
            </td>
            <td>
              <Badge tone={tones[trigger.status]}>{trigger.status}</Badge>
            </td>
            <td class="number">{trigger.runs}</td>
            <td class="number">{trigger.failures}</td>
            <td>
              <LastRun {...(trigger.lastRun !== undefined && { lastRun: trigger.lastRun })} />
            </td>
            <td class="wrap">{trigger.reason ?? trigger.lastFailure?.message ?? <span class="muted">none</span>}</td>
            <td class="row-actions">
              {trigger.status === "suspended" && (
                <Button aria-label={`Resume ${trigger.name}`} onClick={() => setResuming(trigger)}>
                  Resume
                </Button>
              )}
              {trigger.type === "SCHEDULED" && (
                <Button
                  aria-label={`Run now: ${trigger.name}`}
                  disabled={action.busy}
                  onClick={() => void run(trigger.name)}
                >
                  Run now
                </Button>
              )}
            </td>
          </tr>
        ))}
      </Table>
      {resuming !== undefined && (
        <Resume app={app} trigger={resuming} onClose={() => setResuming(undefined)} onDone={onChange} />
      )}
    </>
  )
}

const Resume = ({
  app,
  onClose,
  onDone,
  trigger: { name, reason }
}: {
  readonly app: string
  readonly trigger: WireTrigger
  readonly onClose: () => void
  readonly onDone: () => void
}) => {
  const action = useAction()
  const resume = (from: "position" | "now") =>
    void action
      .run(() => request("POST", path("apps", app, "triggers", name, "resume"), { from }))
      .then((done) => done && (onClose(), onDone()))
  return (
    <Dialog title={`Resume ${name}?`} onClose={onClose}>
      <div class="prose">
        <p>It is suspended: {reason}</p>
        <p>It goes on with the event at which it stopped, or leaves out what happened since.</p>
      </div>
      <Failure text={action.error} />
      <div class="dialog-actions">
        <Button onClick={onClose}>Cancel</Button>
        <Button disabled={action.busy} onClick={() => resume("now")}>
          With the next event
        </Button>
        <Button kind="primary" disabled={action.busy} onClick={() => resume("position")}>
          Where it stopped
        </Button>
      </div>
    </Dialog>
  )
}

const EndpointTable = ({
  app,
  endpoints
}: {
  readonly app: string
  readonly endpoints: ReadonlyArray<WireEndpoint>
}) => (
  <Table label="Endpoints" head={["Endpoint", "Function", "Proof", "Requests", "Failures", "Last request"]}>
    {endpoints.map(({ failures, function: name, lastRun, method, path, requests, validation }) => (
      <tr key={`${method} ${path}`}>
        <td class="mono">
          {method} {path}
        </td>
        <td>
          <a href={href("functions", { app, function: name })}>{name}</a>
        </td>
        <td>{validation}</td>
        <td class="number">{requests}</td>
        <td class="number">{failures}</td>
        <td>
          {lastRun === undefined ? (
            <span class="muted">never</span>
          ) : (
            <>
              <Time at={lastRun.at} />{" "}
              <Badge tone={(lastRun.status ?? 0) >= 400 ? "bad" : "good"}>{lastRun.status ?? "gone"}</Badge>{" "}
              {lastRun.logId !== undefined && <a href={href("log", { app, text: lastRun.logId })}>in the log</a>}
            </>
          )}
        </td>
      </tr>
    ))}
  </Table>
)
