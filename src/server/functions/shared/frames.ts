/**
 * Framing of messages between the server and the processes that run functions: a length of four bytes, then JSON.
 */

const head = 4

/** The maximum size of a message, in bytes, which neither side reaches; a longer one is an error. */
const largest = 256 * 1024 * 1024

/** Encodes a message as a frame. */
export const write = (message: unknown): Buffer => {
  const json = JSON.stringify(message)
  const frame = Buffer.allocUnsafe(head + Buffer.byteLength(json))
  frame.writeUInt32LE(frame.length - head)
  frame.write(json, head)
  return frame
}

/**
 * Decodes frames from chunks that may end anywhere; calls `onMessage` for each complete one. Throws on malformed frames.
 */
export const reader = (onMessage: (message: unknown) => void): ((chunk: Buffer) => void) => {
  let chunks: Array<Buffer> = []
  let size = 0
  /** How many bytes are needed to continue. */
  let needed = head
  return (chunk) => {
    chunks.push(chunk)
    size += chunk.length
    if (size < needed) return
    const bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks, size)
    let at = 0
    for (;;) {
      needed = head
      if (bytes.length - at < needed) break
      const length = bytes.readUInt32LE(at)
      if (length > largest) throw new Error(`a message of ${length} bytes exceeds the limit of ${largest}`)
      needed += length
      if (bytes.length - at < needed) break
      const message: unknown = JSON.parse(bytes.toString("utf8", at + head, at + needed))
      at += needed
      onMessage(message)
    }
    chunks = at === bytes.length ? [] : [bytes.subarray(at)]
    size = bytes.length - at
  }
}
