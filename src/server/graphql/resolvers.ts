/** The fields that functions of the application resolve. */
import type { GraphQlResolver, GraphQlType } from "../model/GraphQl.ts"
import { type GraphQLNullableInputType, GraphQLList, type GraphQLOutputType } from "./internal/graphqlJs.ts"
import * as Names from "./names.ts"
import * as Scalars from "./scalars.ts"
import { type CollectionShape, scalarShape, type Shape, shapeOf, type Taken } from "./shapes.ts"
import type { OutputField, Types } from "./types.ts"

/** What is wrong with a resolver, so that there is no such field. */
export interface Problem {
  readonly resolver: GraphQlResolver
  readonly message: string
}

/** The names of scalars, as resolvers and GraphQL write them. */
const namedScalar = (name: string) => {
  const [first = "", ...rest] = name
  return scalarShape(name) ?? scalarShape(`${first.toLowerCase()}${rest.join("")}`) ?? byScalar[name]
}

const byScalar: Readonly<Record<string, ReturnType<typeof scalarShape>>> = {
  Boolean: scalarShape("bool"),
  DateTime: scalarShape("date"),
  UUID: scalarShape("uuid")
}

/** What resolvers share. */
export interface Place {
  readonly types: Types
  readonly collections: ReadonlyMap<string, CollectionShape>
  readonly taken: Taken
  /** The shapes of JSON Schemas, which several resolvers may have. */
  readonly customs: Map<string, Shape | undefined>
}

/** The shape of a resolver's JSON Schema, under a name that no other type has. */
const customShape = (
  { schema }: Extract<GraphQlType, { _tag: "Custom" }>,
  otherwise: string,
  { customs, taken }: Place,
  end: "Input" | "Payload"
) => {
  const key = `${end} ${JSON.stringify(schema)}`
  const items = schema["items"]
  const titles = [
    schema["title"],
    typeof items === "object" && items !== null ? Reflect.get(items, "title") : undefined
  ]
  const title = titles.find((it) => typeof it === "string" && it !== "")
  const name = Names.typeName(typeof title === "string" ? title : otherwise) ?? otherwise
  const shape = customs.get(key) ?? shapeOf({ ...schema }, taken.has(name) ? `${name}${end}` : name, taken)
  customs.set(key, shape)
  return shape
}

interface Input {
  readonly type: GraphQLNullableInputType
  readonly shape: Shape | undefined
}

const bare = (name: string): string => name.replace(/[[\]!\s]/g, "")

/** The name of a generated type, as it is or as a title is written. */
const generated = (name: string): string => Names.typeName(name) ?? name

const inputOf = (given: GraphQlType, otherwise: string, place: Place): Input | undefined => {
  const { collections, types } = place
  if (given._tag === "Custom") {
    const shape = customShape(given, `${otherwise}Input`, place, "Input")
    return shape && { type: types.custom(shape), shape }
  }
  const name = bare(given.name)
  const scalar = namedScalar(name)
  const collection = collections.get(generated(name))
  const type = scalar
    ? Scalars.scalars[scalar.scalar]
    : (types.input(generated(name)) ?? (collection && types.insert(collection.type, collection.relations)))
  if (type === undefined) return undefined
  const shape = scalar ?? collection?.type
  return given.isList ? { type: new GraphQLList(type), shape: shape && { _tag: "List", of: shape } } : { type, shape }
}

interface Output {
  readonly type: GraphQLOutputType
  readonly shape: Shape | undefined
}

const outputOf = (given: GraphQlType, otherwise: string, place: Place): Output | undefined => {
  const { types } = place
  if (given._tag === "Custom") {
    const shape = customShape(given, `${otherwise}Payload`, place, "Payload")
    return shape && { type: types.outputOf(shape), shape }
  }
  const name = bare(given.name)
  const scalar = namedScalar(name)
  const type = scalar ? Scalars.scalars[scalar.scalar] : types.output(generated(name))
  if (type === undefined) return undefined
  return given.isList
    ? { type: new GraphQLList(type), shape: scalar && { _tag: "List", of: scalar } }
    : { type, shape: scalar }
}

/** A result whose scalars are those of JavaScript. */
const resultOf = (shape: Shape | undefined, value: unknown): unknown => {
  if (shape?._tag === "Scalar") return Scalars.output(shape, value)
  if (shape?._tag === "List" && Array.isArray(value)) return value.map((item) => resultOf(shape.of, item))
  return value
}

/** The field of a resolver; a text says why there is none. */
export const fieldOf = (
  { field, functionName, input, onType, payload }: GraphQlResolver,
  place: Place
): OutputField | string => {
  const named = Names.capital(field)
  const given = input && inputOf(input, named, place)
  if (input !== undefined && given === undefined) return "its input type does not exist"
  const made = payload && outputOf(payload, named, place)
  if (payload !== undefined && made === undefined) return "its payload type does not exist"
  const isRoot = onType === "Query" || onType === "Mutation"
  return {
    type: made?.type ?? place.types.payloads.default,
    args: given === undefined ? {} : { input: { type: given.type } },
    resolve: async (source, args: Readonly<Record<string, unknown>>, context, info): Promise<unknown> => {
      const value = args["input"]
      const argument = given?.shape === undefined ? value : Scalars.input(given.shape, value)
      const call = context.call(functionName, [...(given ? [argument] : []), ...(isRoot ? [] : [source])])
      const result = await context.run("call", call)
      if (made === undefined) return { status: "complete" }
      if (Array.isArray(result)) context.charge(result.length, info)
      return resultOf(made.shape, result)
    }
  }
}
