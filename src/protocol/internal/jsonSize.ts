/** Counts the values in JSON text without parsing it. */

/**
 * The most values that JSON text from a client may contain: two million, each field, element, document and array counting one.
 * The time and memory to parse them grow with their number; this many ordinary values are larger than 18 MiB.
 */
export const mostValues = 2_000_000

/** The index of the quote that ends a string of JSON, or the length of the text. */
const endOfString = (text: string, start: number): number => {
  for (let end = start; ;) {
    end = text.indexOf('"', end + 1)
    if (end === -1) return text.length
    let before = end
    while (text[before - 1] === "\\") before--
    if ((end - before) % 2 === 0) return end
  }
}

const firstInside = /[^ \t\n\r]|$/g

/** Whether the array or object that begins at an index is empty. */
const isEmpty = (text: string, start: number): boolean => {
  firstInside.lastIndex = start + 1
  const first = firstInside.exec(text)?.[0]
  return first === "]" || first === "}"
}

/** Whether JSON text has more than {@link mostValues} values. Asked before parsing, which cannot be interrupted. */
export const isTooLarge = (text: string): boolean => {
  // a value takes two characters, with the comma before it
  if (text.length < 2 * mostValues) return false
  let values = 1
  for (let i = 0; i < text.length && values <= mostValues; i++) {
    switch (text[i]) {
      case '"':
        i = endOfString(text, i)
        break
      case ",":
        values++
        break
      case "[":
      case "{":
        if (!isEmpty(text, i)) values++
    }
  }
  return values > mostValues
}
