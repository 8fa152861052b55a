/**
 * Export and import of users as JSON Lines.
 *
 * `docs/keeping-data.md` describes the format. A line of type `pending` is a registered address without a login so far.
 *
 * A file contains password hashes and push tokens: protect it like a backup.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { ProviderType } from "../../protocol/Provider.ts"
import { providerIdOf } from "../model/Apps.ts"
import { noPassword, problemOf } from "./PasswordHasher.ts"
import * as UserListing from "./UserListing.ts"
import type { Account, Identity, UserRecord } from "./UserModels.ts"

/** An invalid line of a file: its number, counted from 1, and the field. */
export class UserFileError extends Schema.TaggedError<UserFileError>("effect-app-services/server/users/UserFileError")(
  "UserFileError",
  { line: Schema.Int, field: Schema.String, problem: Schema.String }
) {
  override get message() {
    return `line ${this.line}: ${this.field === "" ? "" : `${this.field}: `}${this.problem}`
  }
}

const Id = Schema.String.check(
  Schema.isPattern(/^[0-9a-f]{24}$/, { message: "expected an id of 24 hexadecimal digits" })
)
const Text = Schema.NonEmptyString
const Secret = Schema.RedactedFromValue(Schema.NonEmptyString)

const FileAccount = Schema.Struct({
  id: Schema.optionalKey(Text),
  email: Text,
  confirmed: Schema.Boolean,
  passwordHash: Schema.optionalKey(Secret)
})

const FileUser = Schema.Struct({
  id: Id,
  type: Schema.Literals(["normal", "server"]),
  disabled: Schema.optionalKey(Schema.Boolean),
  createdAt: Schema.DateTimeUtcFromString,
  identities: Schema.NonEmptyArray(
    Schema.Struct({
      id: Schema.String,
      providerType: ProviderType,
      data: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
    })
  ),
  account: Schema.optionalKey(FileAccount),
  apiKeys: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        id: Id,
        name: Schema.String.check(
          Schema.isPattern(/^[A-Za-z0-9_-]+$/, { message: "expected only letters, digits, _ and -" })
        ),
        digest: Schema.String.check(
          Schema.isPattern(/^[0-9a-f]{64}$/, { message: "expected a SHA-256 digest of 64 hexadecimal digits" })
        ),
        disabled: Schema.optionalKey(Schema.Boolean)
      })
    )
  ),
  pushRegistrations: Schema.optionalKey(Schema.Array(Schema.Struct({ service: Text, deviceId: Id, token: Secret })))
})

const FilePending = Schema.Struct({ type: Schema.Literal("pending"), account: FileAccount })

const Line = Schema.Union([FileUser, FilePending])
const encodeLine = Schema.encodeEffect(Schema.fromJsonString(Line))

/** Encodes users as lines, without line ends. */
export const write = (records: ReadonlyArray<UserRecord>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.forEach(records, (record) => Effect.orDie(encodeLine(toLine(record))))

const toLine = (record: UserRecord): typeof Line.Type => {
  if (record.user === undefined) return { type: "pending", account: toFileAccount(record.account) }
  const { account, apiKeys, pushRegistrations, user } = record
  const [first, ...others] = user.identities
  const toFile = ({ data, id, providerType }: Identity) => ({ id, providerType, data })
  return {
    id: user.id,
    type: user.type,
    disabled: user.disabled,
    createdAt: DateTime.makeUnsafe(user.createdAt),
    identities: [toFile(first), ...others.map(toFile)],
    ...(account === undefined ? undefined : { account: toFileAccount(account) }),
    apiKeys: apiKeys.map(({ digest, disabled, id, name }) => ({ id, name, digest, disabled })),
    pushRegistrations: pushRegistrations.map(({ deviceId, service, token }) => ({ service, deviceId, token }))
  }
}

const toFileAccount = ({ confirmed, email, id, passwordHash }: Account) => ({
  id,
  email,
  confirmed,
  ...(Redacted.value(passwordHash) === Redacted.value(noPassword) ? undefined : { passwordHash })
})

/**
 * Decodes the users of an application, each with the number of its line: lines of JSON, or an array. Users as the hosted service
 * listed them are converted. Empty lines are skipped. Fails with the first line that does not follow the format; unknown fields
 * are errors.
 */
export const read = Effect.fnUntraced(function* (
  appId: string,
  text: string
): Effect.fn.Return<ReadonlyArray<{ readonly line: number; readonly record: UserRecord }>, UserFileError> {
  const read: Array<{ readonly line: number; readonly record: UserRecord }> = []
  for (const { line, value } of valuesOf(text.replace(/^\uFEFF/, ""))) {
    const fail = (field: string, problem: string) => new UserFileError({ line, field, problem })
    const given = yield* Effect.mapError(value, () => fail("", "is not JSON: check that the file is complete"))
    const json = UserListing.isListed(given)
      ? yield* Effect.mapError(Effect.fromResult(UserListing.toLine(given)), ({ field, problem }) =>
          fail(field, problem)
        )
      : given
    const record = yield* isPending(json)
      ? Effect.flatMap(decodeWith(decodePending, fail)(json), (it) => pendingRecord(it, fail))
      : Effect.flatMap(decodeWith(decodeUser, fail)(json), (it) => userRecord(appId, it, fail))
    read.push({ line, record })
  }
  return read
})

interface Value {
  readonly line: number
  readonly value: Effect.Effect<unknown, Schema.SchemaError>
}

/** The values of a text with the numbers of their lines; those of an array count by their position. */
const valuesOf = (text: string): ReadonlyArray<Value> => {
  if (text.trimStart().startsWith("[")) {
    const items = Result.try((): unknown => JSON.parse(text))
    return Result.isSuccess(items) && Array.isArray(items.success)
      ? items.success.map((item: unknown, i) => ({ line: i + 1, value: Effect.succeed(item) }))
      : [{ line: 1, value: parseJson(text) }]
  }
  return text
    .split("\n")
    .flatMap((content, index) => (content.trim() === "" ? [] : [{ line: index + 1, value: parseJson(content) }]))
}

type Fail = (field: string, problem: string) => UserFileError

const strict = { onExcessProperty: "error" } as const
const decodeUser = Schema.decodeUnknownEffect(FileUser, strict)
const decodePending = Schema.decodeUnknownEffect(FilePending, strict)
const parseJson = Schema.decodeEffect(Schema.fromJsonString(Schema.Unknown))
const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

const isPending = (json: unknown): boolean =>
  typeof json === "object" && json !== null && "type" in json && json.type === "pending"

const decodeWith =
  <A>(decode: (json: unknown) => Effect.Effect<A, Schema.SchemaError>, fail: Fail) =>
  (json: unknown) =>
    Effect.mapError(decode(json), ({ issue }) => {
      const first = issuesOf(issue).issues[0]
      const path = first?.path?.map((part) => String(typeof part === "object" ? part.key : part)) ?? []
      return fail(path.join("."), first?.message ?? "does not follow the format")
    })

const accountOf = Effect.fnUntraced(function* (
  { id, passwordHash = noPassword, ...account }: typeof FileAccount.Type & { readonly id: string },
  fail: Fail
) {
  const problem = passwordHash === noPassword ? undefined : problemOf(passwordHash)
  if (problem !== undefined) {
    return yield* fail("account.passwordHash", `${problem}: leave it out, and the user resets the password`)
  }
  const known: Account = { ...account, id, passwordHash }
  return known
})

const pendingRecord = Effect.fnUntraced(function* ({ account }: typeof FilePending.Type, fail: Fail) {
  const { id } = account
  if (id === undefined) return yield* fail("account.id", "is missing")
  const record: UserRecord = {
    user: undefined,
    account: yield* accountOf({ ...account, id }, fail),
    apiKeys: [],
    pushRegistrations: []
  }
  return record
})

const userRecord = Effect.fnUntraced(function* (appId: string, file: typeof FileUser.Type, fail: Fail) {
  const { account, apiKeys = [], pushRegistrations = [] } = file
  const [own, another] = file.identities.filter(({ providerType }) => providerType === "local-userpass")
  if (another !== undefined) return yield* fail("identities", "must contain at most one of local-userpass")
  if (own !== undefined && account === undefined)
    return yield* fail("account", "is missing, although there is an identity of local-userpass")
  if (own === undefined && account !== undefined)
    return yield* fail("identities", "must contain one of local-userpass for the account")
  if (account?.id !== undefined && account.id !== own?.id) {
    return yield* fail("account.id", "is not the id of the identity of local-userpass")
  }
  const names = apiKeys.map(({ name }) => name)
  const twice = names.findIndex((name, i) => names.indexOf(name) !== i)
  if (twice !== -1)
    return yield* fail(`apiKeys.${twice}.name`, "is the name of another key of the user: give each its own")
  const identity = ({ data = {}, id, providerType }: (typeof FileUser.Type)["identities"][number]): Identity => ({
    id,
    providerType,
    providerId: providerIdOf(appId, providerType),
    // the account's address has priority over the identity's data
    data: providerType === "local-userpass" ? { ...data, email: account?.email } : data
  })
  const [first, ...others] = file.identities
  const record: UserRecord = {
    user: {
      id: file.id,
      type: file.type,
      identities: [identity(first), ...others.map(identity)],
      createdAt: DateTime.toEpochMillis(file.createdAt),
      disabled: file.disabled ?? false
    },
    account:
      account === undefined || own === undefined ? undefined : yield* accountOf({ ...account, id: own.id }, fail),
    apiKeys: apiKeys.map(({ digest, disabled = false, id, name }) => ({ id, userId: file.id, name, digest, disabled })),
    pushRegistrations: pushRegistrations.map(({ deviceId, service, token }) => ({
      service,
      userId: file.id,
      deviceId,
      token
    }))
  }
  return record
})
