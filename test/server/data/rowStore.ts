import { RowStore, type RowChange, RowStoreError } from "../../../src/server/storage/RowStore.ts"

/** A row store that keeps its rows in memory for as long as a test wants, and writes nothing while it is `full`. */
export const make = () => {
  const tables = new Map<string, Map<string, Uint8Array>>()
  const state = { full: false, commits: [] as Array<ReadonlyArray<RowChange>> }
  const service = RowStore.of({
    keeps: true,
    snapshot: undefined,
    tables: (prefix) => Array.from(tables.keys()).filter((name) => name.startsWith(prefix)),
    rows: (table) => Array.from(tables.get(table) ?? [], ([key, value]) => ({ key, value })),
    rowsAfter: (table, after) =>
      Array.from(tables.get(table) ?? [], ([key, value]) => ({ key, value }))
        .filter(({ key }) => key > after)
        .toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    commit: (changes) => {
      if (state.full) throw new RowStoreError({ message: "the disk is full" })
      state.commits.push(changes)
      for (const change of changes) {
        const { table } = change
        const rows = tables.get(table) ?? new Map<string, Uint8Array>()
        tables.set(table, rows)
        if ("through" in change) {
          for (const key of rows.keys()) if (key <= change.through) rows.delete(key)
        } else if (change.value === undefined) rows.delete(change.key)
        else rows.set(change.key, Uint8Array.from(change.value))
      }
    }
  })
  return { state, service, tables }
}
