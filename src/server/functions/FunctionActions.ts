/**
 * Actions of third-party services for exported functions, in the server's process: their secrets and rules are not in the
 * functions' one. `internal/guest` offers them as `context.services.get(NAME)`.
 */
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import { isDocument } from "../data/internal/bson.ts"
import { names, type Service } from "../model/Service.ts"
import type { UserStore } from "../users/UserStore.ts"
import type { Actor, FunctionAccess } from "./FunctionAccess.ts"
import * as Aws from "./services/Aws.ts"
import * as Firebase from "./services/Firebase.ts"
import { failed, type ServiceError } from "./services/ServiceError.ts"
import * as Twilio from "./services/Twilio.ts"

/** An action as a function asks for it. */
export interface Action {
  readonly service: string
  /** `send`, `get`, or an operation of a service of AWS: `s3:PutObject`. */
  readonly name: string
  readonly argument: unknown
  /** The region of an operation of AWS. */
  readonly region: string | undefined
}

/**
 * Runs actions. An action of an HTTP service is only checked, since the function's process sends the request.
 */
export type FunctionActions = (actor: Actor, action: Action) => Effect.Effect<unknown, ServiceError>

export const make = (
  access: Pick<FunctionAccess, "allows">,
  store: Pick<UserStore["Service"], "pushRegistrations">
): FunctionActions => {
  const check = Effect.fnUntraced(function* (actor: Actor, service: Service, { argument, name }: Action) {
    if (actor.isSystem || service.rules.length === 0) return
    const args = service.type === "http" ? withParts(argument) : argument
    for (const rule of service.rules) {
      if (!names(rule, name)) continue
      const allowed = rule.when === undefined || (yield* access.allows(actor.caller, rule.when, args))
      if (allowed) return
    }
    return yield* failed(`no rule of the service "${service.name}" allows "${name}"`)
  })

  const run = (
    actor: Actor,
    service: Service,
    action: Action
  ): Effect.Effect<unknown, ServiceError, HttpClient.HttpClient> => {
    const { app } = actor.caller
    const { argument, name, region } = action
    switch (`${service.type} ${name}`) {
      case "twilio send":
        return Twilio.send(service, argument)
      case "gcm send":
        return Firebase.send(service, argument, store.pushRegistrations(app.id))
      case "aws-ses send":
        return Aws.run(service, { service: "ses", name: "SendEmail", input: mailOf(argument), region }, app.root)
    }
    if (service.type === "http") return Effect.void
    const [, of, operation] = service.type === "aws" ? (/^(\w+):(\w+)$/.exec(name) ?? []) : []
    return of === undefined || operation === undefined
      ? Effect.fail(failed(`the service "${service.name}" (${service.type}) has no action "${name}"`))
      : Aws.run(service, { service: of, name: operation, input: argument, region }, app.root)
  }

  return (actor, action) =>
    Effect.gen(function* () {
      const service = actor.caller.app.services.get(action.service)
      if (service === undefined) return yield* failed(`there is no service "${action.service}"`)
      yield* check(actor, service, action)
      return yield* run(actor, service, action)
    }).pipe(
      Effect.provide(FetchHttpClient.layer),
      // credentials go to the configured address only, and traces to none
      Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
      Effect.provideService(HttpClient.TracerPropagationEnabled, false)
    )
}

/** The argument of an HTTP request whose `url` is also readable in parts, as rules name them: `%%args.url.host`. */
const withParts = (argument: unknown): unknown => {
  if (!isDocument(argument)) return argument
  const { domain, host, path, scheme, url } = argument
  const parsed = typeof url === "string" ? URL.parse(url) : null
  const parts =
    parsed === null
      ? { scheme: scheme ?? "http", host: host ?? domain, path }
      : {
          scheme: parsed.protocol.slice(0, -1),
          host: parsed.host,
          path: parsed.pathname,
          query: Object.fromEntries(parsed.searchParams)
        }
  return { ...argument, url: parts }
}

/** The input of `SendEmail` from the argument of the older service. */
const mailOf = (argument: unknown): unknown => {
  const { body, fromAddress, subject, toAddress } = isDocument(argument) ? argument : {}
  return {
    Source: fromAddress,
    Destination: { ToAddresses: [toAddress].flat() },
    Message: { Subject: { Data: subject }, Body: { Text: { Data: body } } }
  }
}
