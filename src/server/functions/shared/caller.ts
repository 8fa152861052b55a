/** The encoding of a caller: functions see it, and the process returns it with each host call. */
import type { FunctionRequest, FunctionUser } from "../../model/FunctionContext.ts"
import { read, write } from "./values.ts"

/** A caller, without its application, which both sides know. */
export interface SentCaller {
  readonly user: FunctionUser
  readonly request: FunctionRequest | undefined
  /** Whether it acts as the system. */
  readonly asSystem?: boolean
}

/** Encoded users are cached: a user makes many calls, and its custom data may be large. */
const users = new WeakMap<FunctionUser, string>()

const writeUser = (user: FunctionUser): string => {
  // a user that is not frozen may change between calls
  if (!Object.isFrozen(user)) return write(user)
  let text = users.get(user)
  if (text === undefined) users.set(user, (text = write(user)))
  return text
}

/** A request consists of strings, which JSON represents exactly. */
const writeRequest = (request: FunctionRequest): string => JSON.stringify(request)

export const writeCaller = ({ asSystem, request, user }: SentCaller): string =>
  `{"user":${writeUser(user)}${request === undefined ? "" : `,"request":${writeRequest(request)}`}${asSystem === undefined ? "" : `,"asSystem":${asSystem}`}}`

export const readCaller = (text: string): SentCaller =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is what the line above wrote
  read(text) as SentCaller
