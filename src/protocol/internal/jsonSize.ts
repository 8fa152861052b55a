/** How many values a text of JSON holds, found out without reading it. */

/**
 * The most values that one text from outside may hold: two million, each field, element, document and array being one.
 * Reading and keeping them takes time and memory by their number; so many ordinary ones are larger than 18 MiB.
 */
export const mostValues = 2_000_000

/** The place of the quote that ends a string of JSON; behind the text where none does. */
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

/** Whether the container of JSON that begins at a place holds nothing. */
const isEmpty = (text: string, start: number): boolean => {
  firstInside.lastIndex = start + 1
  const first = firstInside.exec(text)?.[0]
  return first === "]" || first === "}"
}

/** Looks before JSON is read, which can neither be interrupted nor undone: what it made has to be collected then. */
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
