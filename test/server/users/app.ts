import { App } from "effect-app-services/server"
import { ask, root } from "../support.ts"

/** An application with every provider that needs no settings. */
export const app = App.make({
  id: "my-app",
  providers: {
    anonymous: true,
    emailPassword: true,
    apiKey: true,
    customFunction: ({ name, fail }: { name?: unknown; fail?: string }) => {
      if (fail !== undefined) throw new Error(fail)
      return name
    }
  }
})

export const profile = (token: string | undefined) => ask("GET", `${root}/auth/profile`, { token })

export const refresh = (token: string | undefined) => ask("POST", `${root}/auth/session`, { token })
