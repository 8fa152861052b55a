/** The stages that make one document of each: they are the ones that an update may have, too. */
import type { Environment } from "../Environment.ts"
import * as Expression from "../Expression.ts"
import type { Scope } from "../Expression.ts"
import { codes, failed, invalid } from "../LanguageError.ts"
import { isDocument, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { shown } from "../messages.ts"
import { addComputed, compileProjection, list, pathParts, tree, withComputed, without } from "./fields.ts"
import { each } from "./Stage.ts"
import type { Compile, Each } from "./Stage.ts"

const invalidOptions = 72

const documentArgument = (argument: Value, stage: string, code: number): Document =>
  isDocument(argument)
    ? argument
    : invalid(`${stage} specification stage must be an object, not ${typeOf(argument)}`, code)

const project = (argument: Value, scope: Scope): Each =>
  each(compileProjection(documentArgument(argument, "$project", 15969), scope))

const addFields =
  (stage: string) =>
  (argument: Value, scope: Scope): Each => {
    const spec = documentArgument(argument, stage, 40272)
    const root = tree()
    addComputed(root, spec, [], scope)
    return each((document, frame) => withComputed(root, document, frame))
  }

const unset = (argument: Value): Each => {
  const paths = typeof argument === "string" ? [argument] : argument
  if (!Array.isArray(paths)) return invalid("$unset specification must be a string or an array", 31002)
  if (paths.length === 0) invalid("$unset specification must be a string or an array with at least one field", 31119)
  const root = tree()
  for (const path of paths) {
    if (typeof path !== "string")
      return invalid("$unset specification must be a string or an array containing only string values", 31120)
    if (path.startsWith("$")) invalid(`FieldPath field names may not start with '$': '${path}'`, 16410)
    list(root, pathParts(path))
  }
  return each((document) => without(root, document))
}

const newRoot =
  (stage: string) =>
  (argument: Value, scope: Scope): Each => {
    const expression = Expression.compile(stage === "$replaceWith" ? argument : newRootOf(argument), scope)
    return each((document, frame) => {
      const value = expression.evaluate(frame)
      if (isDocument(value)) return value
      return failed(
        `${stage === "$replaceWith" ? "'replacement document'" : "'newRoot' expression"} must evaluate to an object, but resulting value was: ${shown(value)}. Type of resulting value: '${typeOf(value)}'. Input document: ${shown(document)}`,
        40228
      )
    })
  }

const newRootOf = (argument: Value): Value => {
  if (!isDocument(argument)) {
    return invalid(`expected an object as specification for $replaceRoot stage, got ${typeOf(argument)}`, 40229)
  }
  const unknown = Object.keys(argument).find((name) => name !== "newRoot")
  if (unknown !== undefined) invalid(`BSON field '$replaceRoot.${unknown}' is an unknown field.`, 40415)
  return Object.hasOwn(argument, "newRoot")
    ? argument["newRoot"]
    : invalid("BSON field '$replaceRoot.newRoot' is missing but a required field", 40414)
}

const transforms: Readonly<Record<string, (argument: Value, scope: Scope) => Each>> = {
  $project: project,
  $addFields: addFields("$addFields"),
  $set: addFields("$set"),
  $unset: unset,
  $replaceRoot: newRoot("$replaceRoot"),
  $replaceWith: newRoot("$replaceWith")
}

/** The stages by name, for pipelines. */
export const transformStages: Readonly<Record<string, Compile>> = Object.fromEntries(
  Object.entries(transforms).map(([name, compile]) => [name, (argument, { scope }) => compile(argument, scope)])
)

/** The name and the argument of a stage. */
export const partsOf = (stage: Value): readonly [name: string, argument: Value] => {
  if (!isDocument(stage)) {
    return invalid("Each element of the 'pipeline' array must be an object", codes.TypeMismatch)
  }
  const [name, other] = Object.keys(stage)
  if (name === undefined || other !== undefined) {
    return invalid("A pipeline stage specification object must contain exactly one field.", 40323)
  }
  return [name, stage[name]]
}

/** Compiles a stage of an update's pipeline. */
export const compileTransform = (
  stage: Value,
  scope: Scope,
  environment: Environment,
  where: string
): ((document: Document, added?: ReadonlyArray<Value>) => Document) => {
  const [name, argument] = partsOf(stage)
  const compile = Object.hasOwn(transforms, name) ? transforms[name] : undefined
  if (compile === undefined) {
    return invalid(
      `${name} is not allowed to be used within ${where}: ${Object.keys(transforms).join(", ")} are`,
      invalidOptions
    )
  }
  const { open } = compile(argument, scope)
  return (document, added = []) => open({ environment, added })(document) ?? document
}
