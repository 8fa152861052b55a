import { RowStore, type RowWrite, RowStoreError } from "../../../src/server/storage/RowStore.ts"

/** A row store that keeps its rows in memory for as long as a test wants, and writes nothing while it is `full`. */
export const make = () => {
  const tables = new Map<string, Map<string, Uint8Array>>()
  const state = { full: false, commits: [] as Array<ReadonlyArray<RowWrite>> }
  const service = RowStore.of({
    keeps: true,
    tables: (prefix) => Array.from(tables.keys()).filter((name) => name.startsWith(prefix)),
    rows: (table) => Array.from(tables.get(table) ?? [], ([key, value]) => ({ key, value })),
    commit: (changes) => {
      if (state.full) throw new RowStoreError({ message: "the disk is full" })
      state.commits.push(changes)
      for (const { key, table, value } of changes) {
        const rows = tables.get(table) ?? new Map<string, Uint8Array>()
        tables.set(table, rows)
        if (value === undefined) rows.delete(key)
        else rows.set(key, Uint8Array.from(value))
      }
    }
  })
  return { state, service, tables }
}
