/**
 * Users as the hosted service's administration API listed them (`GET /groups/GROUP/apps/APP/users`), as lines of a file of
 * users. The listing has no passwords and no API keys: users with a password reset it.
 *
 * @internal
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { ProviderType } from "../../protocol/Provider.ts"

const Listed = Schema.Struct({
  _id: Schema.Unknown,
  type: Schema.Literals(["normal", "server"]),
  identities: Schema.NonEmptyArray(
    Schema.Struct({
      id: Schema.String,
      provider_type: ProviderType,
      provider_data: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)))
    })
  ),
  disabled: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  creation_date: Schema.optionalKey(Schema.Unknown),
  data: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)))
})

const decode = Schema.decodeUnknownResult(Listed)
const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/** Whether a value is of a listing: its ids have an underscore, and its providers too. */
export const isListed = (json: unknown): boolean => typeof json === "object" && json !== null && "_id" in json

/** Hexadecimal text, also of an `ObjectId` of Extended JSON. */
const idOf = (id: unknown): string =>
  typeof id === "object" && id !== null && "$oid" in id && typeof id.$oid === "string" ? id.$oid : String(id)

/** Seconds since the epoch in listings; milliseconds and texts in what was made of them. */
const dateOf = (date: unknown, id: string): DateTime.Utc | undefined => {
  const given = typeof date === "number" ? date * (date < 1e11 ? 1000 : 1) : typeof date === "string" ? date : undefined
  // an id begins with the time of its creation
  return Option.getOrUndefined(DateTime.make(given ?? Number.parseInt(id.slice(0, 8), 16) * 1000))
}

/** What is wrong with a listed user, and with which field. */
interface Problem {
  readonly field: string
  readonly problem: string
}

/** The line of a file of users, before it is checked. */
export const toLine = (json: unknown): Result.Result<unknown, Problem> => {
  const listed = decode(json)
  if (Result.isFailure(listed)) {
    const [first] = issuesOf(listed.failure.issue).issues
    const path = first?.path?.map((part) => String(typeof part === "object" ? part.key : part)) ?? []
    return Result.fail({ field: path.join("."), problem: first?.message ?? "is not as in a listing" })
  }
  const { creation_date, data, disabled, identities, type } = listed.success
  const id = idOf(listed.success._id)
  const createdAt = dateOf(creation_date, id)
  if (createdAt === undefined) return Result.fail({ field: "creation_date", problem: "is not a date" })
  const own = identities.find(({ provider_type }) => provider_type === "local-userpass")
  const email = own?.provider_data?.["email"] ?? data?.["email"]
  if (own !== undefined && typeof email !== "string") {
    return Result.fail({ field: "data.email", problem: "is missing, although there is an identity of local-userpass" })
  }
  return Result.succeed({
    id,
    type,
    disabled: disabled ?? false,
    createdAt: DateTime.formatIso(createdAt),
    identities: identities.map((identity) => ({
      id: identity.id,
      providerType: identity.provider_type,
      // the data of a user are those of the only identity, or of all of them
      data: identity.provider_data ?? data ?? {}
    })),
    ...(own === undefined ? undefined : { account: { email, confirmed: true } })
  })
}
