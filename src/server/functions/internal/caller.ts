/** Who calls, as the server tells a thread: its functions see it, and the thread hands it back with each host call. */
import type { Caller } from "../FunctionAccess.ts"
import { read, write } from "./values.ts"

export const writeCaller = ({ asSystem, request, user }: Caller): string => write({ user, request, asSystem })

export const readCaller = (text: string): Omit<Caller, "app"> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is what the line above wrote
  read(text) as Omit<Caller, "app">
