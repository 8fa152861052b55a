/** Requests of the page to the administration API. */
import type { Figures, LogPart } from "../server/api/ActivityModels.ts"
import type {
  CollectionInfo,
  DocumentPage,
  EndpointInfo,
  FunctionInfo,
  FunctionRun,
  Note
} from "../server/api/InspectionModels.ts"
import type { TriggerInfo } from "../server/triggers/TriggerModels.ts"
import type { Account, User, UserDetails } from "../server/users/AdminModels.ts"
import type { Message } from "../server/users/Inbox.ts"

type Wire<S extends { readonly Encoded: unknown }> = S["Encoded"]

/** An application that the server hosts. */
export interface Hosted {
  readonly id: string
  readonly providers: ReadonlyArray<string>
}
export type WireUser = Wire<typeof User>
export type WireUserDetails = Wire<typeof UserDetails>
export type WireAccount = Wire<typeof Account>
export type WireMessage = Wire<typeof Message>
export type WireTrigger = Wire<typeof TriggerInfo>
export type WireEndpoint = Wire<typeof EndpointInfo>
export type WireFunction = Wire<typeof FunctionInfo>
export type WireRun = Wire<typeof FunctionRun>
export type WireNote = Wire<typeof Note>
export type WireCollection = Wire<typeof CollectionInfo>
export type WireDocuments = Wire<typeof DocumentPage>
export type WireLog = Wire<typeof LogPart>
export type WireEntry = WireLog["entries"][number]
export type WireFigures = Wire<typeof Figures>

/** A page of a list. */
export interface Listed<A> {
  readonly items: ReadonlyArray<A>
  readonly next?: string
}

/** An answer that is an error, or no answer: then the status is 0. */
export class ApiError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Where the token is kept: until the tab is closed, for this origin alone, which serves nothing but the page. */
const key = "administration token"

/** Whether there is a token. It may have been rejected. */
export const hasToken = (): boolean => sessionStorage.getItem(key) !== null

/** Keeps a token for the requests to come. */
export const keepToken = (token: string): void => sessionStorage.setItem(key, token)

/** Forgets the token. */
export const forgetToken = (): void => sessionStorage.removeItem(key)

const messageOf = (body: unknown): string | undefined => {
  const message: unknown = typeof body === "object" && body !== null && "message" in body ? body.message : undefined
  return typeof message === "string" ? message : undefined
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Sends a request. The answer's shape is that of the API's schemas, which the same package has. */
export const request = async <A>(
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: unknown,
  signal?: AbortSignal
): Promise<A> => {
  const answer = await fetch(`/_admin${path}`, {
    method,
    headers: {
      authorization: `Bearer ${sessionStorage.getItem(key) ?? ""}`,
      ...(body !== undefined && { "content-type": "application/json" })
    },
    credentials: "omit",
    cache: "no-store",
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal !== undefined && { signal })
  }).catch((cause: unknown) => {
    if (signal?.aborted === true) throw cause
    throw new ApiError(0, "The server does not answer. It may have been stopped.")
  })
  const text = await answer.text()
  const json = parsed(text)
  if (!answer.ok) throw new ApiError(answer.status, messageOf(json) ?? `The server answered with ${answer.status}.`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return json as A
}

/** Reads a value. */
export const read = <A>(path: string, signal: AbortSignal): Promise<A> => request("GET", path, undefined, signal)

/** A path whose segments are encoded: `path("apps", app, "users")`. */
export const path = (...segments: ReadonlyArray<string>): string =>
  segments.map((segment) => `/${encodeURIComponent(segment)}`).join("")

/** The text of an error for people. */
export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
