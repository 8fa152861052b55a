/**
 * GraphQL itself. The only module that imports `graphql`, `dataloader` and `inflection`: the build bundles them into it, so
 * that users do not install them.
 */
export { default as DataLoader } from "dataloader"
export {
  type DocumentNode,
  execute,
  GraphQLBoolean,
  GraphQLEnumType,
  GraphQLError,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  GraphQLFloat,
  type GraphQLInputFieldConfig,
  GraphQLInputObjectType,
  type GraphQLNullableInputType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  GraphQLScalarType,
  GraphQLSchema,
  GraphQLString,
  Kind,
  NoSchemaIntrospectionCustomRule,
  parse,
  type SelectionSetNode,
  specifiedRules,
  validate,
  validateSchema
} from "graphql"
export { pluralize, singularize } from "inflection"
