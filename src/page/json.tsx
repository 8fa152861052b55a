/** Shows Extended JSON. */
import { formatted } from "./ejsonText.ts"

const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/** The parts of a JSON text, with the class of each. */
const partsOf = (text: string): ReadonlyArray<readonly [string, string | undefined]> => {
  const parts: Array<readonly [string, string | undefined]> = []
  let end = 0
  for (const match of text.matchAll(token)) {
    if (match.index > end) parts.push([text.slice(end, match.index), undefined])
    const [whole, quoted, colon, word] = match
    const kind =
      quoted === undefined ? (word === undefined ? "number" : "word") : colon === undefined ? "string" : "key"
    parts.push([whole, kind])
    end = match.index + whole.length
  }
  parts.push([text.slice(end), undefined])
  return parts
}

/** The longest text in colour: each part of it is an element. */
const longest = 20_000

/** A value that was parsed from canonical Extended JSON. */
export const Json = ({ label, value }: { readonly value: unknown; readonly label: string }) => {
  const text = formatted(value)
  return (
    <pre class="json" tabIndex={0} role="region" aria-label={label}>
      {text.length > longest
        ? text
        : partsOf(text).map(([part, kind], at) =>
            kind === undefined ? (
              part
            ) : (
              <span key={at} class={kind}>
                {part}
              </span>
            )
          )}
    </pre>
  )
}
