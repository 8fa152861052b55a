import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ProviderType } from "../../protocol/Provider.ts"
import { AppServicesError, SessionExpired } from "../AppServicesError.ts"
import type { StoredUser } from "../StoredUser.ts"
import type { UserEventPayload } from "../UserEvents.ts"

/** What crosses processes: events that tell of a change of the store. No token, no profile: whoever hears them reads those. */
const Note = Schema.Union([
  Schema.TaggedStruct("LoggedIn", { providerType: ProviderType }),
  Schema.TaggedStruct("IdentityLinked", { providerType: ProviderType }),
  Schema.TaggedStruct("SessionExpired", { operation: Schema.String, reason: SessionExpired }),
  Schema.Struct({
    _tag: Schema.Literals(["Switched", "TokenRefreshed", "CustomDataChanged", "ProfileChanged", "LoggedOut", "Removed"])
  })
])
type Note = typeof Note.Type

const Notes = Schema.fromJsonString(Schema.Struct({ process: Schema.String, events: Schema.Array(Note) }))
const encodeNotes = Schema.encodeSync(Notes)

/**
 * A note that cannot be read, of a later version perhaps, tells of a change all the same.
 *
 * @internal
 */
export const decode = (text: string): typeof Notes.Type =>
  Option.getOrElse(decodeNotes(text), () => ({ process: "", events: [] }))
const decodeNotes = Schema.decodeUnknownOption(Notes)

/** @internal */
export const encode = (process: string, events: ReadonlyArray<UserEventPayload>): string =>
  encodeNotes({ process, events: events.flatMap(toNote) })

const toNote = (event: UserEventPayload): ReadonlyArray<Note> => {
  switch (event._tag) {
    case "RefreshStarted":
    case "RefreshFailed":
      // of the process that tries, not of the session
      return []
    case "SessionExpired": {
      const { operation, reason } = event.error
      return reason._tag === "SessionExpired" ? [{ _tag: "SessionExpired", operation, reason }] : []
    }
    case "LoggedIn":
    case "IdentityLinked":
      return [{ _tag: event._tag, providerType: event.providerType }]
    default:
      return [{ _tag: event._tag }]
  }
}

/**
 * The event that another process told of, given the user as the store has it now.
 *
 * @internal
 */
export const toEvent = (note: Note, user: Option.Option<StoredUser>): ReadonlyArray<UserEventPayload> => {
  switch (note._tag) {
    case "SessionExpired": {
      const { operation, reason } = note
      return [{ _tag: "SessionExpired", error: new AppServicesError({ operation, reason }) }]
    }
    case "ProfileChanged": {
      const profile = Option.isSome(user) ? user.value.profile : undefined
      return profile === undefined ? [] : [{ _tag: "ProfileChanged", profile }]
    }
    case "LoggedIn":
    case "IdentityLinked":
      return [note]
    default:
      return [{ _tag: note._tag }]
  }
}
