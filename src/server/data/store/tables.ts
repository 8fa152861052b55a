/** The tables of documents in a row store: one per collection. */
import type { RowStore } from "../../storage/RowStore.ts"
import type { Namespace } from "../Operation.ts"

const prefix = "documents/"

/** The name of a collection's table. */
export const tableOf = ({ appId, collection, database, service }: Namespace): string =>
  prefix + [appId, service, database, collection].map(encodeURIComponent).join("/")

/** The collections with documents. Throws where a table is not one of documents. */
export const namespaces = (rowStore: RowStore["Service"]): ReadonlyArray<Namespace> =>
  rowStore.tables(prefix).map((table) => {
    const [appId, service, database, collection] = table.slice(prefix.length).split("/").map(decodeURIComponent)
    if (appId === undefined || service === undefined || database === undefined || collection === undefined) {
      throw new Error(`${table} is not a table of documents`)
    }
    return { appId, service, database, collection }
  })
