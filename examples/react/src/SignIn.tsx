import { Credentials } from "effect-app-services/promise"
import { useState } from "react"
import { app } from "./realm.ts"
import { useOperation } from "./useOperation.ts"

const signIn = (email: string, password: string) => app.logIn(Credentials.emailPassword(email, password))

const register = async (email: string, password: string) => {
  await app.emailPasswordAuth.registerUser({ email, password })
  return signIn(email, password)
}

const continueAsGuest = () => app.logIn(Credentials.anonymous())

export const SignIn = () => {
  const [email, setEmail] = useState("")
  const [password, setPassword] = useState("")
  // the form shows what came of the last one
  const { pending, problem, run } = useOperation((operation: () => Promise<unknown>) => operation())
  return (
    <form action={() => run(() => signIn(email, password))}>
      <h1>Widgets</h1>
      <label>
        E-mail <input type="email" required value={email} onChange={({ target }) => setEmail(target.value)} />
      </label>
      <label>
        Password{" "}
        <input type="password" required value={password} onChange={({ target }) => setPassword(target.value)} />
      </label>
      <button disabled={pending}>Sign in</button>
      <button disabled={pending} formAction={() => run(() => register(email, password))}>
        Register
      </button>
      <button type="button" disabled={pending} onClick={() => void run(continueAsGuest)}>
        Continue as a guest
      </button>
      {problem !== undefined && <p role="alert">{problem}</p>}
    </form>
  )
}
