import type { User } from "effect-app-services/promise"
import { useSyncExternalStore } from "react"
import { app } from "./realm.ts"

const subscribe = (onChange: () => void) => {
  app.addListener(onChange)
  return () => app.removeListener(onChange)
}

/** The current user, or `null`: a login, a switch or a logout renders again, also one in another tab. */
export const useUser = () => useSyncExternalStore(subscribe, () => app.currentUser)

/** The e-mail address of a user: undefined for a guest, and until the login has fetched the profile. */
export const useEmail = (user: User) => useSyncExternalStore(subscribe, () => emailOf(user))

const emailOf = (user: User) => {
  try {
    return user.profile.email
  } catch {
    return undefined
  }
}
