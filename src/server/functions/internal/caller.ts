/** The caller, as the server tells a process: its functions see it, and the process hands it back with each host call. */
import type { Caller } from "../FunctionAccess.ts"
import type { FunctionRequest, FunctionUser } from "../../model/FunctionContext.ts"
import { read, write } from "./values.ts"

/** A user calls many times, and its custom data may be long. */
const users = new WeakMap<FunctionUser, string>()

const writeUser = (user: FunctionUser): string => {
  // one that is not frozen may be another one at the next call
  if (!Object.isFrozen(user)) return write(user)
  let text = users.get(user)
  if (text === undefined) users.set(user, (text = write(user)))
  return text
}

/** It holds texts alone, which JSON loses nothing of. */
const writeRequest = (request: FunctionRequest): string => JSON.stringify(request)

export const writeCaller = ({ asSystem, request, user }: Caller): string =>
  `{"user":${writeUser(user)}${request === undefined ? "" : `,"request":${writeRequest(request)}`}${asSystem === undefined ? "" : `,"asSystem":${asSystem}`}}`

export const readCaller = (text: string): Omit<Caller, "app"> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is what the line above wrote
  read(text) as Omit<Caller, "app">
