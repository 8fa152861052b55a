/**
 * The paths of the client API v2.0, as templates: the client fills them in, the server routes by them.
 */

const root = "/api/client/v2.0"
const app = `${root}/app/:appId` as const
const emailPassword = `${app}/auth/providers/local-userpass` as const

/** Path templates by operation. Those directly below `/auth` do not name the application: the token does. */
export const routes = {
  location: `${app}/location`,
  logIn: `${app}/auth/providers/:provider/login`,
  register: `${emailPassword}/register`,
  confirm: `${emailPassword}/confirm`,
  confirmSend: `${emailPassword}/confirm/send`,
  confirmCall: `${emailPassword}/confirm/call`,
  reset: `${emailPassword}/reset`,
  resetSend: `${emailPassword}/reset/send`,
  resetCall: `${emailPassword}/reset/call`,
  callFunction: `${app}/functions/call`,
  pushRegistration: `${app}/push/providers/:service/registration`,
  session: `${root}/auth/session`,
  profile: `${root}/auth/profile`,
  deleteUser: `${root}/auth/delete`,
  apiKeys: `${root}/auth/api_keys`,
  apiKey: `${root}/auth/api_keys/:id`,
  enableApiKey: `${root}/auth/api_keys/:id/enable`,
  disableApiKey: `${root}/auth/api_keys/:id/disable`
} as const

/** Where OAuth providers send the browser back to. Clients never request it themselves. */
export const oauthCallback = `${root}/auth/callback` as const

/** The parameters of a path template: `{ appId: string, provider: string }` for `routes.logIn`. */
export type Parameters<Template extends string> = Template extends `${string}:${infer Name}/${infer Rest}`
  ? { readonly [K in Name]: string } & Parameters<Rest>
  : Template extends `${string}:${infer Name}`
    ? { readonly [K in Name]: string }
    : {}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * Why a value cannot be a segment of a path: it is empty, is `.` or `..`, or contains a slash, backslash or control character,
 * percent-encoded ones included, since a proxy may decode once more. `undefined` if it can.
 */
export const segmentProblem = (value: string): string | undefined => {
  if (/^[\w-]+$/.test(value)) return undefined
  if (value === "") return "it is empty"
  let text = value
  for (let next = decoded(text); next !== text; next = decoded(text)) text = next
  if (/^\.{1,2}$/.test(text)) return 'it is "." or "..", which leads to another place'
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  return /[\u0000-\u001f\u007f/\\]/.test(text) ? "it holds a slash, a backslash or a control character" : undefined
}

/**
 * Fills in a template; values are percent-encoded. Throws if a value has a {@link segmentProblem}: check untrusted values
 * first.
 */
export const path = <Template extends string>(template: Template, parameters: Parameters<Template>): string =>
  Object.entries<string>(parameters).reduce<string>((path, [name, value]) => {
    const problem = segmentProblem(value)
    if (problem !== undefined) throw new Error(`${name} cannot be part of ${template}: ${problem}`)
    return path.replace(`:${name}`, () => encodeURIComponent(value))
  }, template)
