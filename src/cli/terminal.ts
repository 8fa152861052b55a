/**
 * Output for people: tables, short lists, and text from clients without control characters.
 */

/**
 * A text that a client sent, as one word: without control characters, line ends and spaces, and of limited length.
 */
export const printable = (text: string): string => {
  const plain = text.replace(/[\p{C}\p{Z}]/gu, "?")
  return plain.length > 200 ? `${plain.slice(0, 200)}...` : plain
}

/** The first few names, on one line; `none` for an empty list. */
export const list = (names: ReadonlyArray<string>, most = 8): string => {
  if (names.length === 0) return "none"
  // one more name is as short as a count
  return names.length <= most + 1
    ? names.join(", ")
    : `${names.slice(0, most).join(", ")} and ${names.length - most} more`
}

/** Rows below a head, in columns of equal width. */
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
