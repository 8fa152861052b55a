/** The script that is evaluated in each realm. Returns the functions that the host calls. */
import { booted, define, rare } from "./globals.ts"
import * as ejson from "../../../../protocol/internal/ejson.ts"
import { EJSON } from "bson"
import * as Bson from "../../context/Bson.ts"
import * as Crypto from "../../context/Crypto.ts"
import * as Jwt from "../../context/Jwt.ts"
import { hidden } from "../intrinsics.ts"
import * as activity from "./activity.ts"
import * as calls from "./calls.ts"
import * as definers from "./definers.ts"
import type { Guest } from "./host.ts"
import * as modules from "./modules.ts"
import * as timers from "./timers.ts"

const parse = (text: string): unknown => {
  try {
    return ejson.parse(text)
  } catch (cause) {
    throw new Error(ejson.describe(cause), { cause })
  }
}

const bson = Bson.make()
define("BSON", Object.assign(bson, { ObjectID: Reflect.get(bson, "ObjectId") }))
define("EJSON", { parse, stringify: EJSON.stringify })
define("utils", {
  crypto: Crypto.make(),
  // @effect-diagnostics-next-line globalDate:off -- functions live in real time, as their own Date does
  jwt: Jwt.make({ parse, now: () => Date.now() })
})
definers.install()
booted()

const { exec } = RegExp.prototype
const anything = /(?:)/

export const guest: Guest = {
  ...calls.guest,
  load: modules.load,
  pending: activity.pendingCount,
  isSpent: activity.isSpent,
  isSuspect: definers.isSuspect,
  hasUsedRare: activity.hasUsedRare,
  rare,
  guard: definers.guard,
  // RegExp keeps the last match
  reset: () => void Reflect.apply(exec, anything, [""]),
  roots: () => [...hidden(), ...timers.classes],
  modules: modules.roots
}
