/** Decodes JSON by a schema, without the settings that are wrong and harmless to leave out. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

/** A mistake in a value. */
export interface Mistake {
  readonly path: ReadonlyArray<string>
  readonly message: string
}

const issues = SchemaIssue.makeFormatterStandardSchemaV1()

const mistakesOf = ({ issue }: Schema.SchemaError): readonly [Mistake, ...ReadonlyArray<Mistake>] => {
  const [first, ...others] = issues(issue).issues.map(({ message, path }) => ({
    path: (path ?? []).map(String),
    message
  }))
  return [first ?? { path: [], message: "not as expected" }, ...others]
}

/** Removes what is at a path; false if there is nothing. */
const remove = (value: unknown, [key, ...rest]: ReadonlyArray<string>): boolean => {
  if (key === undefined || !Predicate.isObject(value) || !Object.hasOwn(value, key)) return false
  return rest.length > 0 ? remove(Reflect.get(value, key), rest) : Reflect.deleteProperty(value, key)
}

/**
 * Decodes a value. If all that is wrong are settings with the names `harmless`, these are left out and passed to `ignored`;
 * otherwise it fails with the first mistake.
 */
export const decode = <A, I>(
  value: unknown,
  schema: Schema.Codec<A, I>,
  harmless: ReadonlySet<string>,
  ignored: (mistake: Mistake) => void
): Effect.Effect<A, Mistake> => {
  const attempt = (value: unknown) => Schema.decodeUnknownEffect(schema)(value, { errors: "all" })
  return Effect.catch(attempt(value), (error) => {
    const mistakes = mistakesOf(error)
    const serious = mistakes.find(({ path }) => !harmless.has(path.at(-1) ?? ""))
    if (serious !== undefined) return Effect.fail(serious)
    const rest = structuredClone(value)
    const removed = mistakes.filter(({ path }) => remove(rest, path))
    if (removed.length === 0) return Effect.fail(mistakes[0])
    removed.forEach((mistake) => ignored(mistake))
    return Effect.mapError(attempt(rest), (error) => mistakesOf(error)[0])
  })
}
