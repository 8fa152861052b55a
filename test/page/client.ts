/** What clients of the application send while the page is open. */

const post = async (url: string, body: unknown, token?: string) => {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body)
  })
  const text = await answer.text()
  return { status: answer.status, body: (text === "" ? {} : JSON.parse(text)) as Record<string, string> }
}

/** A client of one application on a server. */
export const client = (baseUrl: string, app = "shop") => {
  const root = `${baseUrl}/api/client/v2.0/app/${app}`
  const account = { email: "", password: "correct horse" }
  return {
    register: (email: string) => post(`${root}/auth/providers/local-userpass/register`, { ...account, email }),
    logIn: (username: string, password = account.password) =>
      post(`${root}/auth/providers/local-userpass/login`, { username, password }),
    anonymous: () => post(`${root}/auth/providers/anon-user/login`, {}),
    call: (token: string | undefined, name: string, ...args: ReadonlyArray<unknown>) =>
      post(`${root}/functions/call`, { name, arguments: args }, token)
  }
}

/** Asks the administration API from the server's own machine. */
export const administer = async (baseUrl: string, method: string, path: string, token: string, body?: unknown) => {
  const answer = await fetch(`${baseUrl}/_admin${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) })
  })
  const text = await answer.text()
  return {
    status: answer.status,
    text,
    body: (text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : {}) as Record<string, string>
  }
}
