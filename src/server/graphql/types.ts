/** The types of a schema, each made once. */
import type { Document } from "../data/Database.ts"
import type { Context } from "./Context.ts"
import * as Filters from "./filters.ts"
import {
  GraphQLBoolean,
  GraphQLEnumType,
  type GraphQLFieldConfig,
  type GraphQLInputFieldConfig,
  GraphQLInputObjectType,
  type GraphQLNullableInputType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLOutputType,
  GraphQLString
} from "./internal/graphqlJs.ts"
import * as Names from "./names.ts"
import * as Scalars from "./scalars.ts"
import type { CollectionShape, Field, ObjectShape, Relation, Shape } from "./shapes.ts"
import { increments } from "./writes.ts"

export type OutputField = GraphQLFieldConfig<unknown, Context>
type InputFields = Record<string, GraphQLInputFieldConfig>

const none: ReadonlyMap<string, Relation> = new Map()

const payload = (name: string, fields: Readonly<Record<string, GraphQLOutputType>>): GraphQLObjectType =>
  new GraphQLObjectType({
    name,
    fields: Object.fromEntries(Object.entries(fields).map(([field, type]) => [field, { type }]))
  })

const keyed = (source: unknown, key: string): unknown =>
  typeof source === "object" && source !== null && Object.hasOwn(source, key) ? Reflect.get(source, key) : undefined

/** Makes the types of collections and of resolvers. */
export class Types {
  readonly #outputs = new Map<string, GraphQLObjectType>()
  readonly #inputs = new Map<string, GraphQLNullableInputType>()
  /** The fields that resolvers add to types, by the names of these. */
  readonly #added = new Map<string, Map<string, OutputField>>()

  readonly payloads = {
    insertMany: payload("InsertManyPayload", {
      insertedIds: new GraphQLNonNull(new GraphQLList(Scalars.scalars.ObjectId))
    }),
    updateMany: payload("UpdateManyPayload", {
      matchedCount: new GraphQLNonNull(GraphQLInt),
      modifiedCount: new GraphQLNonNull(GraphQLInt)
    }),
    deleteMany: payload("DeleteManyPayload", { deletedCount: new GraphQLNonNull(GraphQLInt) }),
    default: payload("DefaultPayload", { status: new GraphQLNonNull(GraphQLString) })
  }

  constructor() {
    for (const type of Object.values(this.payloads)) this.#outputs.set(type.name, type)
  }

  /** A type by its name. */
  output(name: string): GraphQLObjectType | undefined {
    return this.#outputs.get(name)
  }

  input(name: string): GraphQLNullableInputType | undefined {
    return this.#inputs.get(name)
  }

  /** Adds a field to a type; `false` if there is no such type. */
  add(type: string, name: string, field: OutputField): boolean {
    if (!this.#outputs.has(type)) return false
    const added = this.#added.get(type) ?? new Map<string, OutputField>()
    this.#added.set(type, added.set(name, field))
    return true
  }

  /** The type of documents. Any of their fields may be null: rules may hide it. */
  object(shape: ObjectShape, relations = none): GraphQLObjectType {
    const found = this.#outputs.get(shape.name)
    if (found !== undefined) return found
    const made = new GraphQLObjectType<unknown, Context>({
      name: shape.name,
      fields: () => ({
        ...Object.fromEntries(shape.fields.map((field) => [field.name, this.#outputField(field, relations)])),
        ...Object.fromEntries(this.#added.get(shape.name) ?? [])
      })
    })
    this.#outputs.set(shape.name, made)
    // the types of fields are those of a name, too
    for (const field of shape.fields) if (!relations.has(field.name)) this.outputOf(field.shape)
    return made
  }

  outputOf(shape: Shape): GraphQLOutputType {
    if (shape._tag === "Scalar") return Scalars.scalars[shape.scalar]
    return shape._tag === "List" ? new GraphQLList(this.outputOf(shape.of)) : this.object(shape)
  }

  #outputField(field: Field, relations: ReadonlyMap<string, Relation>): OutputField {
    const relation = relations.get(field.name)
    return relation === undefined ? this.#ownField(field) : this.#relatedField(field, relation)
  }

  #ownField({ key, shape }: Field): OutputField {
    return {
      type: this.outputOf(shape),
      resolve: (source, _, context, info) => {
        const value = keyed(source, key)
        if (shape._tag === "Scalar") return Scalars.output(shape, value)
        if (!Array.isArray(value)) return value
        context.charge(value.length, info)
        const inner = shape._tag === "List" ? shape.of : shape
        return inner._tag === "Scalar" ? value.map((item) => Scalars.output(inner, item)) : value
      }
    }
  }

  #relatedField({ key }: Field, relation: Relation): OutputField {
    const type = this.object(relation.target.type, relation.target.relations)
    return {
      type: relation.isList ? new GraphQLList(type) : type,
      resolve: async (source, _, context, info): Promise<unknown> => {
        const value = keyed(source, key)
        if (value === undefined || value === null) return null
        const loader = context.loaderOf(relation)
        const values: ReadonlyArray<unknown> = Array.isArray(value) ? value : [value]
        const found = await Promise.all(values.map((it) => loader.load(it)))
        const documents: ReadonlyArray<Document> = found.flat()
        if (!relation.isList) return documents[0] ?? null
        context.charge(documents.length, info)
        return documents
      }
    }
  }

  /** An input type by its name, made at its first use. */
  #inputObject(name: string, fields: () => InputFields): GraphQLNullableInputType {
    const found = this.#inputs.get(name)
    if (found !== undefined) return found
    const made = new GraphQLInputObjectType({ name, fields })
    this.#inputs.set(name, made)
    return made
  }

  /** Of fields that are needed, only those of new documents have to be there. */
  #valueOf(kind: "Insert" | "Update", shape: Shape): GraphQLNullableInputType {
    if (shape._tag === "Scalar") return Scalars.scalars[shape.scalar]
    if (shape._tag === "List") return new GraphQLList(this.#valueOf(kind, shape.of))
    return kind === "Insert" ? this.insert(shape) : this.update(shape)
  }

  #relationInput(owner: ObjectShape, field: Field, { isList, link, target }: Relation): GraphQLNullableInputType {
    return this.#inputObject(`${owner.name}${Names.capital(field.name)}RelationInput`, () => {
      const listed = (type: GraphQLNullableInputType) => ({ type: isList ? new GraphQLList(type) : type })
      return {
        link: listed(Scalars.scalars[link.scalar]),
        create: listed(this.insert(target.type, target.relations))
      }
    })
  }

  #written(kind: "Insert" | "Update", shape: ObjectShape, field: Field, relation: Relation | undefined) {
    return relation === undefined ? this.#valueOf(kind, field.shape) : this.#relationInput(shape, field, relation)
  }

  insert(shape: ObjectShape, relations = none): GraphQLNullableInputType {
    return this.#inputObject(`${shape.name}InsertInput`, () =>
      Object.fromEntries(
        shape.fields.map((field) => {
          const type = this.#written("Insert", shape, field, relations.get(field.name))
          return [field.name, { type: field.isRequired ? new GraphQLNonNull(type) : type }]
        })
      )
    )
  }

  update(shape: ObjectShape, relations = none): GraphQLNullableInputType {
    return this.#inputObject(`${shape.name}UpdateInput`, () => {
      const fields: InputFields = {}
      for (const field of shape.fields) {
        const relation = relations.get(field.name)
        fields[field.name] = { type: this.#written("Update", shape, field, relation) }
        fields[`${field.name}_unset`] ??= { type: GraphQLBoolean }
        if (increments(field) && relation === undefined && field.shape._tag === "Scalar") {
          fields[`${field.name}_inc`] ??= { type: Scalars.scalars[field.shape.scalar] }
        }
      }
      return fields
    })
  }

  query(shape: ObjectShape, relations = none): GraphQLNullableInputType {
    const name = `${shape.name}QueryInput`
    return this.#inputObject(name, () => {
      const fields: InputFields = {}
      for (const field of shape.fields) {
        const relation = relations.get(field.name)
        for (const operator of Filters.operatorsOf(field, relation)) {
          fields[Filters.inputName(field, operator)] ??= { type: this.#condition(field, relation, operator) }
        }
      }
      const own = this.#inputs.get(name)
      const several = own && { type: new GraphQLList(new GraphQLNonNull(own)) }
      return several === undefined ? fields : { ...fields, AND: several, OR: several }
    })
  }

  #condition({ shape }: Field, relation: Relation | undefined, operator: Filters.Operator): GraphQLNullableInputType {
    if (operator === "exists") return GraphQLBoolean
    const inner = shape._tag === "List" ? shape.of : shape
    const one = relation ? this.query(relation.target.type, relation.target.relations) : this.#compared(inner)
    const isList = relation ? relation.isList : shape._tag === "List"
    return isList || operator === "in" || operator === "nin" ? new GraphQLList(one) : one
  }

  #compared(shape: Shape): GraphQLNullableInputType {
    if (shape._tag === "Scalar") return Scalars.scalars[shape.scalar]
    return shape._tag === "List" ? new GraphQLList(this.#compared(shape.of)) : this.query(shape)
  }

  sortOrder(collection: CollectionShape): GraphQLNullableInputType {
    const name = `${collection.type.name}SortByInput`
    const found = this.#inputs.get(name)
    if (found !== undefined) return found
    const orders = Filters.sortOrders(collection)
    const made = new GraphQLEnumType({
      name,
      values: Object.fromEntries(Array.from(orders, ([order, value]) => [order, { value }]))
    })
    this.#inputs.set(name, made)
    return made
  }

  /** The input type of a resolver. */
  custom(shape: Shape): GraphQLNullableInputType {
    if (shape._tag === "Scalar") return Scalars.scalars[shape.scalar]
    if (shape._tag === "List") return new GraphQLList(this.custom(shape.of))
    return this.#inputObject(shape.name, () =>
      Object.fromEntries(
        shape.fields.map((field) => {
          const type = this.custom(field.shape)
          return [field.name, { type: field.isRequired ? new GraphQLNonNull(type) : type }]
        })
      )
    )
  }
}
