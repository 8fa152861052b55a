/**
 * The paths of the client API v2.0, as templates that the client fills in and the server routes by.
 *
 * @since 0.1.0
 */

const root = "/api/client/v2.0"
const app = `${root}/app/:appId` as const
const emailPassword = `${app}/auth/providers/local-userpass` as const

/**
 * Path templates by operation. Those below `/auth` name no application: there the token tells which one is meant.
 *
 * @category routes
 * @since 0.1.0
 */
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

type Parameters<Template extends string> = Template extends `${string}:${infer Name}/${infer Rest}`
  ? { readonly [K in Name]: string } & Parameters<Rest>
  : Template extends `${string}:${infer Name}`
    ? { readonly [K in Name]: string }
    : {}

/**
 * Fills a template in; values are percent-encoded.
 *
 * @category routes
 * @since 0.1.0
 */
export const path = <Template extends string>(template: Template, parameters: Parameters<Template>): string =>
  Object.entries<string>(parameters).reduce<string>(
    (path, [name, value]) => path.replace(`:${name}`, () => encodeURIComponent(value)),
    template
  )
