/** Asks for the administration token. */
import { useState } from "preact/hooks"
import { ApiError, forgetToken, keepToken, request } from "./api.ts"
import { useAction } from "./hooks.ts"
import { Button, Failure, Field } from "./parts.tsx"

export const Login = ({ notice, onDone }: { readonly notice: string | undefined; readonly onDone: () => void }) => {
  const [token, setToken] = useState("")
  const action = useAction()
  const logIn = () =>
    action
      .run(async () => {
        keepToken(token.trim())
        try {
          await request("GET", "/apps")
        } catch (error) {
          forgetToken()
          throw error instanceof ApiError && error.status === 401
            ? new Error("This is not the token of the server.", { cause: error })
            : error
        }
      })
      .then((done) => done && onDone())
  return (
    <main class="login">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void logIn()
        }}
      >
        <h1>App Services administration</h1>
        <p class="muted">{notice ?? "For people who can read the administration token of the server."}</p>
        <Field
          label="Administration token"
          hint={`On the server's machine: cat ~/.effect-app-services/${location.port}.token, or what APP_SERVICES_ADMIN_TOKEN was set to.`}
        >
          {(id, describedBy) => (
            <input
              id={id}
              type="password"
              autocomplete="off"
              spellcheck={false}
              required
              aria-describedby={describedBy}
              value={token}
              onInput={(event) => setToken(event.currentTarget.value)}
            />
          )}
        </Field>
        <Failure text={action.error} />
        <Button kind="primary" type="submit" disabled={action.busy}>
          Log in
        </Button>
      </form>
    </main>
  )
}
