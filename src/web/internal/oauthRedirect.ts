import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { LoginServices } from "../../client/internal/logins.ts"
import { fromStore } from "../../client/internal/users.ts"
import type { Service as Client } from "../../client/ProtocolClient.ts"
import { TokenStoreError } from "../../client/internal/tokenStoreError.ts"
import { ProviderType } from "../../protocol/Provider.ts"
import { accept, begin, OAuthError, takeAnswer } from "./oauthFlow.ts"
import type { Login } from "./oauthFlow.ts"
import { page } from "./page.ts"

/** What a tab remembers of the login that it left for, and of the user whom the identity is added to. */
const Begun = Schema.fromJsonString(
  Schema.Struct({ state: Schema.String, provider: ProviderType, linkTo: Schema.optionalKey(Schema.String) })
)
const decodeBegun = Schema.decodeUnknownOption(Begun)
const encodeBegun = Schema.encodeSync(Begun)

const name = "effect-app-services/oauth"

/** @internal */
export const leave = Effect.fnUntraced(function* (
  client: Client,
  logins: LoginServices,
  login: Login,
  linkTo?: string
) {
  const { state, url } = yield* begin(client, logins, login, linkTo)
  yield* fromStore("OAuth.begin")(
    Effect.try({
      try: () =>
        page.sessionStorage.setItem(
          name,
          encodeBegun({ state, provider: login.provider, ...(linkTo !== undefined && { linkTo }) })
        ),
      catch: (cause) =>
        new TokenStoreError({ message: "the browser blocks sessionStorage: use a window instead (ByPopup)", cause })
    })
  )
  page.location.assign(url)
  return yield* Effect.never
})

/** None also where the browser blocks the storage, since no login was begun then. */
const takeBegun = () => {
  try {
    const text = page.sessionStorage.getItem(name)
    page.sessionStorage.removeItem(name)
    return decodeBegun(text)
  } catch {
    return Option.none()
  }
}

/** @internal */
export const complete = Effect.fnUntraced(function* (logins: LoginServices) {
  const answer = takeAnswer()
  if (answer === undefined) return Option.none<string>()
  const begun = takeBegun()
  if (Option.isNone(begun) || begun.value.state !== answer.state) {
    return yield* new OAuthError({
      kind: "UnexpectedState",
      message: "this tab did not begin the login that the page was opened by: begin it again"
    })
  }
  return Option.some(yield* accept(logins, begun.value.provider, answer, begun.value.linkTo))
})
