/** Reads the fields of a request's payload. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { BadRequest, body } from "./ApiErrors.ts"

const issues = SchemaIssue.makeFormatterStandardSchemaV1()

/** Decodes a payload by a schema whose fields are strings. A missing or invalid one is a 400 with `MissingParameter`. */
export const decode = <A, I>(schema: Schema.Codec<A, I>) => {
  const decodeUnknown = Schema.decodeUnknownEffect(schema)
  return (value: unknown): Effect.Effect<A, BadRequest> =>
    Effect.mapError(decodeUnknown(value), ({ issue }) => {
      const path = issues(issue).issues[0]?.path?.map(String).join(".") ?? "body"
      return new BadRequest(body(`'${path}' is a required string`, "MissingParameter"))
    })
}
