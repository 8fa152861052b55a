import { assert, describe, it } from "@effect/vitest"
import { type BulkWriteResult, MongoBulkWriteError, MongoNetworkError, MongoServerError } from "mongodb"
import { asError } from "../../../src/server/mongodb/internal/errors.ts"

const ended = () => Object.assign(new Error("This socket has been ended by the other party"), { code: "EPIPE" })
const bulk = (error: Error) => new MongoBulkWriteError(error, {} as BulkWriteResult)

describe("an error of the driver", () => {
  for (const [what, error] of [
    ["of a connection", new MongoNetworkError("connection 1 to 127.0.0.1:1 closed")],
    ["of a socket", ended()],
    ["of a connection in a bulk write", bulk(new MongoNetworkError("connection 1 to 127.0.0.1:1 closed"))],
    ["of a socket in a bulk write", bulk(ended())],
    ["of a server that is not the primary", new MongoServerError({ message: "not primary", code: 10_107 })]
  ] as const) {
    it(`says that the database cannot be reached, and not where it is: ${what}`, () => {
      const { code, message } = asError(error)
      assert.deepStrictEqual([code, message], [6, "the database cannot be reached at the moment: try again later"])
    })
  }

  it("keeps the words of the server otherwise", () => {
    const { code, message } = asError(new MongoServerError({ message: "no such index", code: 27 }))
    assert.deepStrictEqual([code, message], [27, "no such index"])
    assert.strictEqual(asError(new TypeError("x")).message, "MongoDB's driver failed: TypeError: x")
  })
})
