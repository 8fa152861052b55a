import type { User } from "effect-app-services/promise"
import { SignIn } from "./SignIn.tsx"
import { Sum } from "./Sum.tsx"
import { useEmail, useUser } from "./useUser.ts"
import { Widgets } from "./Widgets.tsx"

export const App = () => {
  const user = useUser()
  return user === null ? <SignIn /> : <SignedIn key={user.id} user={user} />
}

const SignedIn = ({ user }: { readonly user: User }) => (
  <>
    <header>
      Signed in as <b>{useEmail(user) ?? "a guest"}</b>{" "}
      <button type="button" onClick={() => void user.logOut()}>
        Sign out
      </button>
    </header>
    <Sum user={user} />
    <Widgets user={user} />
  </>
)
