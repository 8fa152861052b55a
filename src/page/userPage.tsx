/** Everything about one user, and what can be done about it. */
import { useState } from "preact/hooks"
import { path, read, request, type WireUserDetails } from "./api.ts"
import { Json } from "./json.tsx"
import { go, href, useAction, usePoll } from "./hooks.ts"
import { Badge, Button, Confirm, Failure, Heading, Table, Time } from "./parts.tsx"
import { PasswordDialog } from "./passwordDialog.tsx"
import { nameOf } from "./userNames.ts"

type Asked = "delete" | "password" | "sessions"

export const UserPage = ({ app, id }: { readonly app: string; readonly id: string }) => {
  const user = path("apps", app, "users", id)
  const { data, error, reload } = usePoll(id, 3000, (signal) => read<WireUserDetails>(user, signal))
  const action = useAction()
  const [asked, setAsked] = useState<Asked>()
  const close = () => setAsked(undefined)
  const act = (method: "POST" | "DELETE", to: string, body?: unknown) =>
    void action.run(async () => {
      await request(method, to, body)
      reload()
    })
  const { account } = data ?? {}
  return (
    <>
      <p class="back">
        <a href={href("users", { app })}>All users</a>
      </p>
      <Heading title={data === undefined ? id : nameOf(data)}>
        {data !== undefined && (
          <>
            {account?.confirmed === false && (
              <Button
                disabled={action.busy}
                onClick={() => act("POST", path("apps", app, "accounts", "confirm"), { email: account.email })}
              >
                Confirm address
              </Button>
            )}
            {account !== undefined && <Button onClick={() => setAsked("password")}>Set password</Button>}
            <Button
              disabled={action.busy}
              onClick={() => act("POST", `${user}/${data.disabled ? "enable" : "disable"}`)}
            >
              {data.disabled ? "Enable" : "Disable"}
            </Button>
            <Button kind="danger" onClick={() => setAsked("delete")}>
              Delete
            </Button>
          </>
        )}
      </Heading>
      <Failure text={error ?? action.error} />
      {data !== undefined && (
        <>
          <dl class="facts">
            <div>
              <dt>State</dt>
              <dd>{data.disabled ? <Badge tone="bad">disabled</Badge> : <Badge tone="good">active</Badge>}</dd>
            </div>
            <div>
              <dt>Id</dt>
              <dd class="mono">{data.id}</dd>
            </div>
            <div>
              <dt>Created</dt>
              <dd>
                <Time at={data.createdAt} />
              </dd>
            </div>
            {account !== undefined && (
              <div>
                <dt>Address</dt>
                <dd>
                  {account.email}{" "}
                  {account.confirmed ? (
                    <Badge tone="good">confirmed</Badge>
                  ) : (
                    <Badge tone="warning">not confirmed</Badge>
                  )}
                </dd>
              </div>
            )}
          </dl>
          <section>
            <h2>Identities</h2>
            <Table label="Identities" head={["Provider", "Data", "Id"]}>
              {data.identities.map((identity) => (
                <tr key={`${identity.providerType} ${identity.id}`}>
                  <td>{identity.providerType}</td>
                  <td class="mono">{JSON.stringify(identity.data)}</td>
                  <td class="mono muted">{identity.id}</td>
                </tr>
              ))}
            </Table>
          </section>
          <section>
            <div class="heading">
              <h2>Sessions</h2>
              {data.sessions.length > 0 && <Button onClick={() => setAsked("sessions")}>End all</Button>}
            </div>
            {data.sessions.length === 0 ? (
              <p class="muted">Not logged in anywhere.</p>
            ) : (
              <Table label="Sessions" head={["Provider", "Began", "Expires", "Device", ""]}>
                {data.sessions.map((session) => (
                  <tr key={session.id}>
                    <td>{session.providerType}</td>
                    <td>
                      <Time at={session.createdAt} />
                    </td>
                    <td>
                      <Time at={session.expiresAt} />
                    </td>
                    <td class="mono muted">{session.deviceId}</td>
                    <td class="row-actions">
                      <Button
                        disabled={action.busy}
                        aria-label={`End the session ${session.id}`}
                        onClick={() => act("DELETE", `${user}/sessions/${encodeURIComponent(session.id)}`)}
                      >
                        End
                      </Button>
                    </td>
                  </tr>
                ))}
              </Table>
            )}
          </section>
          {data.apiKeys.length > 0 && (
            <section>
              <h2>API keys</h2>
              <Table label="API keys" head={["Name", "State", "Id"]}>
                {data.apiKeys.map((key) => (
                  <tr key={key.id}>
                    <td>{key.name}</td>
                    <td>{key.disabled ? <Badge tone="bad">disabled</Badge> : <Badge tone="good">active</Badge>}</td>
                    <td class="mono muted">{key.id}</td>
                  </tr>
                ))}
              </Table>
            </section>
          )}
          {data.pushRegistrations.length > 0 && (
            <section>
              <h2>Devices for push messages</h2>
              <Table label="Devices for push messages" head={["Service", "Device"]}>
                {data.pushRegistrations.map(({ deviceId, service }) => (
                  <tr key={`${service} ${deviceId}`}>
                    <td>{service}</td>
                    <td class="mono muted">{deviceId}</td>
                  </tr>
                ))}
              </Table>
            </section>
          )}
          {data.customData !== undefined && (
            <section>
              <h2>Custom data</h2>
              <Json value={data.customData} label="Custom data" />
            </section>
          )}
        </>
      )}
      {asked === "password" && account !== undefined && (
        <PasswordDialog app={app} email={account.email} onClose={close} onDone={reload} />
      )}
      {asked === "sessions" && (
        <Confirm
          title="End all sessions?"
          label="End all sessions"
          work={() => request("DELETE", `${user}/sessions`)}
          onClose={close}
          onDone={reload}
        >
          <p>The user has to log in again on every device. Access tokens work until they expire.</p>
        </Confirm>
      )}
      {asked === "delete" && data !== undefined && (
        <Confirm
          title="Delete the user?"
          label="Delete user"
          work={() => request("DELETE", user)}
          onClose={close}
          onDone={() => go("users", { app })}
        >
          <p>
            <strong>{nameOf(data)}</strong>, with account, sessions, API keys and push registrations. Documents stay.
          </p>
        </Confirm>
      )}
    </>
  )
}
