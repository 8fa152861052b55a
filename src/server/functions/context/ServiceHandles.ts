/**
 * Third-party services as functions use them: `context.services.get(NAME)`. It runs in the realm of the call; the server
 * checks the rules, and runs every action except requests.
 */
import { packages } from "../shared/awsPackages.ts"
import type { DeclaredService } from "../shared/messages.ts"
import { unsupported } from "./unsupported.ts"

interface Ports {
  /** Runs an action in the server, or checks whether its rules allow it. */
  readonly act: (service: string, action: string, argument: unknown, region?: string) => PromiseLike<unknown>
  /** The object `context.http`. */
  readonly http: () => object
}

type Act = (action: string, argument: unknown, region?: string) => PromiseLike<unknown>

/** The names of errors, as on the hosted service. */
const errors: Readonly<Record<string, string>> = {
  aws: "AWSError",
  "aws-ses": "AWSError",
  gcm: "GCMError",
  http: "HTTPError",
  twilio: "TwilioError"
}

/** A service by its name. */
export const make = (name: string, { hasRules, type }: DeclaredService, { act, http }: Ports): object => {
  const errorName = errors[type]
  if (errorName === undefined) return unsupported(`services of type "${type}": services.get("${name}")`)
  const action: Act = (action, argument, region) =>
    act(name, action, argument, region).then(undefined, (cause: unknown) => {
      throw cause instanceof Error ? Object.assign(cause, { name: errorName }) : cause
    })
  switch (type) {
    case "http":
      return hasRules ? requests(http(), action) : http()
    case "aws":
      return ofAws(action)
    default:
      return { send: (message: unknown) => action("send", message) }
  }
}

/** The methods of `context.http`, each of which the rules have to allow. */
const requests = (http: object, action: Act): object =>
  Object.fromEntries(
    Object.entries(http).map(([method, send]: [string, (argument: unknown) => unknown]) => [
      method,
      async (argument: unknown) => {
        await action(method, argument)
        return await send(argument)
      }
    ])
  )

/** `aws.s3(region).PutObject(input)`. */
const ofAws = (action: Act): object =>
  Object.fromEntries(
    Array.from(packages.keys(), (service) => [
      service,
      (region?: string) =>
        new Proxy(
          {},
          {
            get: (target, name) =>
              typeof name === "string" && /^[A-Z]/.test(name)
                ? (input: unknown) => action(`${service}:${name}`, input, region)
                : Reflect.get(target, name)
          }
        )
    ])
  )
