/** Sets the password of an account. */
import { useState } from "preact/hooks"
import { path, request } from "./api.ts"
import { useAction } from "./hooks.ts"
import { FormDialog, NewPassword } from "./parts.tsx"

export const PasswordDialog = ({
  app,
  email,
  onClose,
  onDone
}: {
  readonly app: string
  readonly email: string
  readonly onClose: () => void
  readonly onDone: () => void
}) => {
  const action = useAction()
  const [password, setPassword] = useState("")
  const set = () =>
    action
      .run(() => request("POST", path("apps", app, "accounts", "password"), { email, password }))
      .then((done) => done && (onClose(), onDone()))
  return (
    <FormDialog
      title={`Set the password of ${email}`}
      label="Set password"
      action={action}
      onClose={onClose}
      onSubmit={() => void set()}
    >
      <NewPassword label="New password" hint="The sessions of the user end." value={password} onChange={setPassword} />
    </FormDialog>
  )
}
