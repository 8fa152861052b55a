/**
 * The profile of a user at the host: identities and profile data.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Answers from "../protocol/internal/answers.ts"
import * as Ejson from "../protocol/Ejson.ts"

/**
 * One way a user can log in: its `id` at the provider, and the provider's type, such as `local-userpass`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Identity = Schema.Struct({ id: Schema.String, providerType: Schema.String })

/**
 * One way a user can log in.
 *
 * @category models
 * @since 0.1.0
 */
export type Identity = typeof Identity.Type

/**
 * Profile data. Which fields there are depends on the providers and on what the application collects from them. These names
 * are Realm's (`pictureUrl` for the host's `picture`); other fields keep the host's names and may be of any type.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Profile = Schema.StructWithRest(
  Schema.Struct({
    name: Schema.optionalKey(Schema.String),
    email: Schema.optionalKey(Schema.String),
    pictureUrl: Schema.optionalKey(Schema.String),
    firstName: Schema.optionalKey(Schema.String),
    lastName: Schema.optionalKey(Schema.String),
    gender: Schema.optionalKey(Schema.String),
    birthday: Schema.optionalKey(Schema.String),
    minAge: Schema.optionalKey(Schema.String),
    maxAge: Schema.optionalKey(Schema.String)
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)

/**
 * Profile data: the fields that the providers and the application collect.
 *
 * @category models
 * @since 0.1.0
 */
export type Profile = typeof Profile.Type

/**
 * A profile as the token store keeps it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const StoredProfile = Schema.Struct({
  /** `"normal"`, or `"server"` for the user of a server API key. */
  type: Schema.String,
  identities: Schema.Array(Identity),
  data: Profile
})

/**
 * A profile as the token store keeps it.
 *
 * @category models
 * @since 0.1.0
 */
export type StoredProfile = typeof StoredProfile.Type

const renamed: Record<string, string> = {
  picture: "pictureUrl",
  first_name: "firstName",
  last_name: "lastName",
  min_age: "minAge",
  max_age: "maxAge"
}

const texts = new Set(Object.keys(Profile.schema.fields))

/**
 * Converts the host's answer. A field that should be text but is not is omitted.
 *
 * @category decoding
 * @since 0.1.0
 */
export const fromAnswer = (answer: typeof Answers.ProfileAnswer.Type): StoredProfile => ({
  type: answer.type ?? "normal",
  identities: (answer.identities ?? []).map(({ id, provider_type }) => ({ id, providerType: provider_type })),
  data: Object.fromEntries(
    Object.entries(answer.data ?? {})
      .map(([name, value]) => [renamed[name] ?? name, Result.getOrElse(Ejson.fromJson(value), () => value)] as const)
      .filter(([name, value]) => !texts.has(name) || typeof value === "string")
  )
})
