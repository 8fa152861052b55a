/**
 * What the commands print for people: tables, lists that end in time, and words of strangers that steer no terminal.
 */

/**
 * A text that a client sent, as one word: nothing in it moves the cursor, ends the line or looks like a field, and it
 * fills no screen.
 */
export const printable = (text: string): string => {
  const plain = text.replace(/[\p{C}\p{Z}]/gu, "?")
  return plain.length > 200 ? `${plain.slice(0, 200)}...` : plain
}

/** Names on a line, the first few of them; `none` where there is none. */
export const list = (names: ReadonlyArray<string>, most = 8): string => {
  if (names.length === 0) return "none"
  // one more takes no more room than saying so
  return names.length <= most + 1
    ? names.join(", ")
    : `${names.slice(0, most).join(", ")} and ${names.length - most} more`
}

/** Rows below a head, in columns as wide as what they hold. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)))
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}
