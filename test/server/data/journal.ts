import { Journal, type Change, JournalError } from "../../../src/server/storage/Journal.ts"

/** A journal that keeps its rows in memory for as long as a test wants, and writes nothing while it is `full`. */
export const make = () => {
  const tables = new Map<string, Map<string, Uint8Array>>()
  const state = { full: false, commits: [] as Array<ReadonlyArray<Change>> }
  const service = Journal.of({
    keeps: true,
    tables: (prefix) => Array.from(tables.keys()).filter((name) => name.startsWith(prefix)),
    rows: (table) => Array.from(tables.get(table) ?? [], ([key, value]) => ({ key, value })),
    commit: (changes) => {
      if (state.full) throw new JournalError({ message: "the disk is full" })
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
