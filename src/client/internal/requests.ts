import * as Effect from "effect/Effect"
import * as Record from "effect/Record"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import * as Ejson from "../../protocol/Ejson.ts"
import { path, segmentProblem } from "../../protocol/internal/routes.ts"
import type { Parameters } from "../../protocol/internal/routes.ts"
import { AppServicesError, InvalidArguments, InvalidResponse } from "../AppServicesError.ts"
import type { ProtocolRequest, Service as Client } from "../ProtocolClient.ts"
import type { Service as Sessions } from "../Sessions.ts"
import { describeBody } from "./answers.ts"

type Failable<A> = Effect.Effect<A, AppServicesError>

/**
 * A request of the SDK: a route, a body, and how its answer is read.
 *
 * @internal
 */
export interface Request<Template extends string, A> extends Pick<
  ProtocolRequest,
  "operation" | "method" | "query" | "timeout" | "idempotent"
> {
  readonly route: Template
  readonly parameters: Parameters<Template>
  /** Sent as Extended JSON. */
  readonly body?: Readonly<Record<string, unknown>> | undefined
  /** More fields of the body, kept out of errors even if the host echoes them. */
  readonly secretFields?: Readonly<Record<string, Redacted.Redacted>> | undefined
  /** Secrets elsewhere in the body. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted> | undefined
  /** When to send again what failed for a reason that may pass. */
  readonly retry?: Schedule.Schedule<unknown, AppServicesError> | undefined
  readonly decode: (operation: string, answer: string) => Failable<A>
}

/** Sends with a token, or with none: once, or again with a newer token. */
type Authorize = (send: (token?: Redacted.Redacted) => Failable<string>) => Failable<string>

/**
 * Writes a body as Extended JSON.
 *
 * @internal
 */
export const encode = (operation: string, body: unknown): Failable<Redacted.Redacted> =>
  Result.match(Ejson.stringify(body), {
    onSuccess: (text) => Effect.succeed(Redacted.make(text)),
    onFailure: ({ message }) =>
      Effect.fail(new AppServicesError({ operation, reason: new InvalidArguments({ problem: message }) }))
  })

/**
 * Reads an answer as Extended JSON.
 *
 * @internal
 */
export const decodeEjson = (operation: string, answer: string): Failable<unknown> =>
  Result.match(Ejson.parse(answer), {
    onSuccess: Effect.succeed,
    onFailure: ({ message }) => {
      const problem = message === "the text is not JSON" ? describeBody(answer) : message
      return Effect.fail(new AppServicesError({ operation, reason: new InvalidResponse({ status: 200, problem }) }))
    }
  })

/**
 * For requests whose answer says nothing.
 *
 * @internal
 */
export const ignoreAnswer = (_operation: string, _answer: string): Effect.Effect<void> => Effect.void

/** An id or a name that would lead a request to another path is refused. */
const parameterProblem = (parameters: Readonly<Record<string, string>>): string | undefined => {
  for (const name in parameters) {
    const problem = segmentProblem(parameters[name] ?? "")
    if (problem !== undefined) return `invalid ${name}: ${problem}`
  }
  return undefined
}

/** The one way of a request: encode, authorize, execute, decode. */
const request = <Template extends string, A>(
  client: Client,
  authorize: Authorize,
  { body, decode, operation, parameters, retry, route, secretFields, secrets = [], ...rest }: Request<Template, A>
): Failable<A> =>
  Effect.suspend(() => {
    const problem = parameterProblem(parameters)
    if (problem !== undefined) {
      return Effect.fail(new AppServicesError({ operation: operation.name, reason: new InvalidArguments({ problem }) }))
    }
    const fields = secretFields === undefined ? body : { ...body, ...Record.map(secretFields, Redacted.value) }
    const encoded = {
      ...rest,
      operation,
      path: path(route, parameters),
      secrets: secretFields === undefined ? secrets : [...Object.values(secretFields), ...secrets]
    }
    const ask = (body: Redacted.Redacted | undefined) => {
      const sent = authorize((token) => client.execute({ ...encoded, body, token }))
      const answer =
        retry === undefined ? sent : Effect.retry(sent, { schedule: retry, while: (error) => error.retryable })
      return Effect.flatMap(answer, (text) => decode(operation.name, text))
    }
    return body === undefined ? ask(undefined) : Effect.flatMapEager(encode(operation.name, fields), ask)
  })

/**
 * Sends a request with the given token, or without a token.
 *
 * @internal
 */
export const send = <Template extends string, A>(
  client: Client,
  spec: Request<Template, A>,
  token?: Redacted.Redacted
): Failable<A> => request(client, (send) => send(token), spec)

/**
 * Sends requests as users.
 *
 * @internal
 */
export const make = (client: Client, sessions: Sessions) => ({
  /** With the user's access token; a refused one is renewed once. */
  asUser: <Template extends string, A>(userId: string, spec: Request<Template, A>): Failable<A> =>
    request(client, (send) => sessions.authorized(spec.operation.name, userId, send), spec),
  /** With the user's refresh token, as the routes of API keys want it. */
  withRefreshToken: <Template extends string, A>(userId: string, spec: Request<Template, A>): Failable<A> =>
    request(client, (send) => sessions.authorizedToRefresh(spec.operation.name, userId, send), spec)
})
