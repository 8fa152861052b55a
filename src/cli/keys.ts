/** `effect-app-services keys`: the keys that sign the tokens of applications. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refuse } from "./dataDirectory.ts"
import { place, withStorage } from "./userStorage.ts"

const rotate = Command.make(
  "rotate",
  {
    ...place,
    app: Flag.String("app").pipe(Flag.withDescription("The id of an application (default: all)"), Flag.optional),
    revoke: Flag.Boolean("revoke").pipe(
      Flag.withDescription(
        "Delete the old keys, as after a leak: every session ends, and anonymous users cannot log in again"
      ),
      Flag.withDefault(false)
    )
  },
  ({ app, revoke, ...place }) =>
    withStorage(place, { create: false }, ({ keyApps, name, rotate }) =>
      Effect.gen(function* () {
        const known = yield* keyApps
        const chosen = Option.match(app, { onNone: () => known, onSome: (id) => known.filter((it) => it === id) })
        if (chosen.length === 0) {
          return yield* refuse(
            `${name} has no keys${Option.isSome(app) ? ` of "${app.value}"` : ""}: ` +
              (known.length === 0 ? "start a server with it first" : `it has keys of ${known.join(", ")}`)
          )
        }
        for (const appId of chosen) {
          const { current, older, sessions } = yield* rotate(appId, { revoke })
          yield* Console.log(
            `${appId}: new tokens are signed with key ${current}; ` +
              (revoke
                ? `all older tokens are invalid, ${sessions} sessions ended`
                : `older keys that still verify tokens: ${older}`)
          )
        }
      })
    )
).pipe(
  Command.withDescription("Sign new tokens with a new key; sessions continue unless the old keys are revoked"),
  Command.withExamples([
    { command: "effect-app-services keys rotate ./data", description: "As a precaution" },
    { command: "effect-app-services keys rotate ./data --app shop --revoke", description: "After a leak" },
    {
      command: "MONGODB_URI=... effect-app-services keys rotate",
      description: "Of users in MongoDB, while servers run"
    }
  ])
)

/** The commands. */
export const keys = Command.make("keys").pipe(
  Command.withDescription("The keys that sign tokens"),
  Command.withSubcommands([rotate])
)
