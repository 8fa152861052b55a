import { assert, describe, it } from "@effect/vitest"
import { complaintsOf, rooms } from "../../scripts/rooms.ts"

const files = (...entries: ReadonlyArray<readonly [string, string]>) => new Map(entries)

describe("rooms", () => {
  it("accepts an import of a lower room and of a file of the same room", () => {
    const text = `import { App } from "../model/App.ts"
import type { User } from "./State.ts"
import * as Effect from "effect/Effect"`
    assert.deepStrictEqual(complaintsOf(files(["src/server/users/Users.ts", text])), [])
  })

  it("refuses an import of a higher room of the server, with its line", () => {
    const text = `import * as Effect from "effect/Effect"
import type { FunctionRuntime } from "../functions/FunctionRuntime.ts"`
    assert.deepStrictEqual(complaintsOf(files(["src/server/users/Users.ts", text])), [
      "src/server/users/Users.ts:2 src/server/users/ may not import src/server/functions/FunctionRuntime.ts"
    ])
  })

  it("refuses at least one side of every cycle between two rooms of the server", () => {
    const inner = rooms.flatMap(({ path }) => (/^src\/server\/\w+\/$/.test(path) ? [path] : []))
    assert.isAbove(inner.length, 6)
    for (const a of inner) {
      for (const b of inner.filter((other) => other !== a)) {
        const complaints = complaintsOf(
          files(
            [`${a}A.ts`, `export type { B } from "../../../${b}B.ts"`],
            [`${b}B.ts`, `export type { A } from "../../../${a}A.ts"`]
          )
        )
        assert.isNotEmpty(complaints, `${a} and ${b} import each other`)
      }
    }
  })

  it("refuses an order in which a room may import a later one, so that no cycle can be listed", () => {
    const order = [
      { path: "src/a/", ours: ["src/b/"], theirs: [] },
      { path: "src/b/", ours: ["src/a/"], theirs: [] }
    ]
    assert.deepStrictEqual(complaintsOf(files(), order), [
      "src/a/ may import src/b/ only if scripts/rooms.ts lists that one before it"
    ])
  })

  it("refuses a folder of the server that is not listed", () => {
    assert.deepStrictEqual(complaintsOf(files(["src/server/attic/Old.ts", ""])), [
      "src/server/attic/Old.ts is in no room: scripts/rooms.ts lists them"
    ])
  })

  it("keeps the language of queries free of everything but its two packages", () => {
    const text = `import { ObjectId } from "bson"
import * as Effect from "effect/Effect"
import { isDocument } from "../data/internal/bson.ts"`
    assert.deepStrictEqual(complaintsOf(files(["src/server/language/match.ts", text])), [
      "src/server/language/match.ts:2 src/server/language/ may not import effect/Effect",
      "src/server/language/match.ts:3 src/server/language/ may not import src/server/data/internal/bson.ts"
    ])
  })
})
