import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as frames from "../../../src/server/functions/shared/frames.ts"

const read = (chunks: ReadonlyArray<Buffer>): ReadonlyArray<unknown> => {
  const messages: Array<unknown> = []
  const reader = frames.reader((message) => messages.push(message))
  for (const chunk of chunks) reader(chunk)
  return messages
}

const split = (bytes: Buffer, size: number): ReadonlyArray<Buffer> =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))

describe("frames", () => {
  it.effect.prop(
    "decodes what was encoded, wherever chunks end",
    { messages: Schema.Array(Schema.Struct({ text: Schema.String, n: Schema.Int })), size: Schema.Int },
    ({ messages, size }) =>
      Effect.sync(() => {
        const plain: unknown = JSON.parse(JSON.stringify(messages))
        const bytes = Buffer.concat(messages.map((message) => frames.write(message)))
        assert.deepStrictEqual(read(split(bytes, 1 + (Math.abs(size) % 40))), plain)
        assert.deepStrictEqual(read([bytes]), plain)
      }),
    { arbitrary: { runs: 200, seed: "frames" } }
  )

  it("rejects an invalid length, and bytes that are not JSON", () => {
    assert.throws(() => read([Buffer.from([255, 255, 255, 255, 1])]), /a message of 4294967295 bytes exceeds the limit/)
    assert.throws(() => read([Buffer.from([3, 0, 0, 0, 123, 123, 123])]), SyntaxError)
  })
})
