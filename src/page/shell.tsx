/** What surrounds the views: the login, the choice of an application, and the way from view to view. */
import type { ComponentType } from "preact"
import { useEffect, useRef, useState } from "preact/hooks"
import { forgetToken, hasToken, type Hosted, read } from "./api.ts"
import { Documents } from "./documents.tsx"
import { Figures } from "./figures.tsx"
import { Functions } from "./functions.tsx"
import { go, href, usePlace, usePoll, whenRejected } from "./hooks.ts"
import { Inbox } from "./inbox.tsx"
import { Log } from "./log.tsx"
import { Login } from "./login.tsx"
import { Button, Failure } from "./parts.tsx"
import { Report } from "./report.tsx"
import { Triggers } from "./triggers.tsx"
import { Users } from "./users.tsx"
import type { ViewProps } from "./view.ts"

interface View {
  readonly name: string
  readonly title: string
  readonly component: ComponentType<ViewProps>
}

const first: View = { name: "log", title: "Log", component: Log }
const views: ReadonlyArray<View> = [
  first,
  { name: "users", title: "Users", component: Users },
  { name: "inbox", title: "Inbox", component: Inbox },
  { name: "documents", title: "Documents", component: Documents },
  { name: "functions", title: "Functions", component: Functions },
  { name: "triggers", title: "Triggers and endpoints", component: Triggers },
  { name: "figures", title: "Figures", component: Figures },
  { name: "report", title: "Start report", component: Report }
]

export const Shell = () => {
  const [loggedIn, setLoggedIn] = useState(hasToken)
  const [notice, setNotice] = useState<string>()
  useEffect(
    () =>
      whenRejected(() => {
        forgetToken()
        setNotice("The server has another token now, as after a restart. Log in again.")
        setLoggedIn(false)
      }),
    []
  )
  if (!loggedIn) return <Login notice={notice} onDone={() => setLoggedIn(true)} />
  const logOut = () => {
    forgetToken()
    setNotice(undefined)
    setLoggedIn(false)
  }
  return <Frame onLogOut={logOut} />
}

const Frame = ({ onLogOut }: { readonly onLogOut: () => void }) => {
  const { params, view } = usePlace()
  const apps = usePoll("apps", 5000, (signal) => read<ReadonlyArray<Hosted>>("/apps", signal))
  const current = views.find(({ name }) => name === view) ?? first
  const app = params.get("app") ?? apps.data?.[0]?.id
  const main = useRef<HTMLElement>(null)
  const shown = useRef(current.name)
  useEffect(() => {
    document.title = `${current.title} - ${app ?? "App Services"}`
    // a screen reader reads the heading of the view that was opened
    if (shown.current !== current.name) main.current?.querySelector("h1")?.focus()
    shown.current = current.name
  }, [current, app])
  const Current = current.component
  return (
    <div class="frame">
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to the content
      </a>
      <header class="side">
        <div class="brand">
          <label for="app">Application</label>
          <select id="app" value={app ?? ""} onChange={(event) => go(current.name, { app: event.currentTarget.value })}>
            {(apps.data ?? []).map(({ id }) => (
              <option key={id} value={id}>
                {id}
              </option>
            ))}
          </select>
        </div>
        <nav aria-label="Views">
          {views.map(({ name, title }) => (
            <a key={name} href={href(name, { app })} aria-current={name === current.name ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <Button onClick={onLogOut}>Log out</Button>
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        {apps.error !== undefined && <Failure text={`${apps.error} Trying again.`} />}
        {app !== undefined && <Current key={app} app={app} params={params} />}
      </main>
    </div>
  )
}
