/** The users of an application, and the e-mail accounts that have not logged in yet. */
import { useEffect, useState } from "preact/hooks"
import { type Listed, path, read, request, type WireAccount, type WireUser } from "./api.ts"
import { go, href, useAction, usePoll, useSettled } from "./hooks.ts"
import {
  Badge,
  Button,
  Confirm,
  Empty,
  Failure,
  Field,
  FormDialog,
  Heading,
  NewPassword,
  Search,
  Table,
  Time
} from "./parts.tsx"
import { PasswordDialog } from "./passwordDialog.tsx"
import { nameOf } from "./userNames.ts"
import { UserPage } from "./userPage.tsx"
import type { ViewProps } from "./view.ts"

/** How many are shown at first, and the most that the API lists. */
const [fewest, most] = [50, 1000]

const queryOf = (search: string, limit: number): string =>
  `?${new URLSearchParams({ search, limit: String(limit) }).toString()}`

export const Users = ({ app, params }: ViewProps) => {
  const id = params.get("user")
  return id === null ? <UserList app={app} /> : <UserPage key={id} app={app} id={id} />
}

const UserList = ({ app }: { readonly app: string }) => {
  const [typed, setTyped] = useState("")
  const search = useSettled(typed)
  const [limit, setLimit] = useState(fewest)
  const [creating, setCreating] = useState(false)
  useEffect(() => setLimit(fewest), [search])
  const { data, error, reload } = usePoll(`${search} ${limit}`, 3000, async (signal) => {
    const [users, accounts] = await Promise.all([
      read<Listed<WireUser>>(`${path("apps", app, "users")}${queryOf(search, limit)}`, signal),
      read<Listed<WireAccount>>(`${path("apps", app, "accounts")}${queryOf(search, limit)}`, signal)
    ])
    return { users, waiting: accounts.items.filter(({ userId }) => userId === undefined) }
  })
  const nothing = data !== undefined && data.users.items.length === 0 && data.waiting.length === 0
  return (
    <>
      <Heading title="Users">
        <Button kind="primary" onClick={() => setCreating(true)}>
          New user
        </Button>
      </Heading>
      <div class="toolbar">
        <Search label="Search users" placeholder="E-mail address or id" value={typed} onChange={setTyped} />
      </div>
      <Failure text={error} />
      {nothing &&
        (search === "" ? (
          <Empty title="No users yet">
            <p>A user appears with the first login, or create one with an e-mail address.</p>
          </Empty>
        ) : (
          <Empty title={`No user or account matches "${search}"`}>
            <p>The search looks at ids and e-mail addresses.</p>
          </Empty>
        ))}
      {data !== undefined && data.users.items.length > 0 && (
        <Table label="Users" head={["User", "Logs in with", "State", "Created", "Id"]}>
          {data.users.items.map((user) => (
            <tr key={user.id}>
              <td>
                <a href={href("users", { app, user: user.id })}>{nameOf(user)}</a>
              </td>
              <td>{user.identities.map(({ providerType }) => providerType).join(", ")}</td>
              <td>{user.disabled ? <Badge tone="bad">disabled</Badge> : <Badge tone="good">active</Badge>}</td>
              <td>
                <Time at={user.createdAt} />
              </td>
              <td class="mono muted">{user.id}</td>
            </tr>
          ))}
        </Table>
      )}
      {data?.users.next !== undefined &&
        (limit < most ? (
          <Button onClick={() => setLimit(Math.min(2 * limit, most))}>Show more</Button>
        ) : (
          <p class="muted">There are more than {most}. Search for the others.</p>
        ))}
      {data !== undefined && data.waiting.length > 0 && <Waiting app={app} accounts={data.waiting} onChange={reload} />}
      {creating && (
        <NewUser
          app={app}
          onClose={() => setCreating(false)}
          onDone={(created) => go("users", { app, user: created })}
        />
      )}
    </>
  )
}

const NewUser = ({
  app,
  onClose,
  onDone
}: {
  readonly app: string
  readonly onClose: () => void
  readonly onDone: (id: string) => void
}) => {
  const action = useAction()
  const [email, setEmail] = useState("")
  const [password, setPassword] = useState("")
  const create = () =>
    action.run(async () => {
      const { id } = await request<WireUser>("POST", path("apps", app, "users"), { email, password })
      onClose()
      onDone(id)
    })
  return (
    <FormDialog title="New user" label="Create" action={action} onClose={onClose} onSubmit={() => void create()}>
      <Field label="E-mail address">
        {(id) => (
          <input id={id} type="email" required value={email} onInput={(event) => setEmail(event.currentTarget.value)} />
        )}
      </Field>
      <NewPassword label="Password" hint="The address counts as confirmed." value={password} onChange={setPassword} />
    </FormDialog>
  )
}

const Waiting = ({
  accounts,
  app,
  onChange
}: {
  readonly app: string
  readonly accounts: ReadonlyArray<WireAccount>
  readonly onChange: () => void
}) => {
  const action = useAction()
  const [doomed, setDoomed] = useState<string>()
  const [resetting, setResetting] = useState<string>()
  const confirm = (email: string) =>
    action.run(async () => {
      await request("POST", path("apps", app, "accounts", "confirm"), { email })
      onChange()
    })
  return (
    <section>
      <h2>Accounts without a login yet</h2>
      <Failure text={action.error} />
      <Table label="Accounts without a login yet" head={["E-mail address", "State", ""]}>
        {accounts.map(({ confirmed, email, id }) => (
          <tr key={id}>
            <td>{email}</td>
            <td>{confirmed ? <Badge tone="good">confirmed</Badge> : <Badge tone="warning">not confirmed</Badge>}</td>
            <td class="row-actions">
              {!confirmed && (
                <Button disabled={action.busy} onClick={() => void confirm(email)} aria-label={`Confirm ${email}`}>
                  Confirm
                </Button>
              )}
              <Button onClick={() => setResetting(email)} aria-label={`Set password of ${email}`}>
                Set password
              </Button>
              <Button kind="danger" onClick={() => setDoomed(email)} aria-label={`Delete ${email}`}>
                Delete
              </Button>
            </td>
          </tr>
        ))}
      </Table>
      {resetting !== undefined && (
        <PasswordDialog app={app} email={resetting} onClose={() => setResetting(undefined)} onDone={onChange} />
      )}
      {doomed !== undefined && (
        <Confirm
          title="Delete the account?"
          label="Delete account"
          work={() => request("POST", path("apps", app, "accounts", "delete"), { email: doomed })}
          onClose={() => setDoomed(undefined)}
          onDone={onChange}
        >
          <p>
            <strong>{doomed}</strong> can register again afterwards.
          </p>
        </Confirm>
      )}
    </section>
  )
}
