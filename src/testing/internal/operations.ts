import { Api } from "../../server/api/Api.ts"

type Groups = typeof Api.groups

/** A route of the client API, by group and name, such as `session.refresh` or `functions.call`. */
export type Operation = {
  [Group in keyof Groups]: `${Group}.${Extract<keyof Groups[Group]["endpoints"], string>}`
}[keyof Groups]

const table = Object.values(Api.groups)
  .flatMap((group) =>
    Object.values(group.endpoints).map(({ identifier, method, path }) => ({
      method,
      // of two routes that match, the one with fewer parameters is meant
      parameters: path.split(":").length,
      path: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/:\w+/g, "[^/]+")}$`),
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both names are keys of the API
      name: `${group.identifier}.${identifier}` as Operation
    }))
  )
  .toSorted((a, b) => a.parameters - b.parameters)

/** The operation of a request; undefined if its path does not belong to the client API. */
export const operationOf = (method: string, path: string): Operation | undefined =>
  table.find((it) => it.method === method && it.path.test(path))?.name
