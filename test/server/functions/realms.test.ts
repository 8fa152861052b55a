import { assert, describe, it } from "@effect/vitest"
import * as FunctionRealm from "../../../src/server/functions/FunctionRealm.ts"
import * as Realms from "../../../src/server/functions/internal/realms.ts"

const make = () => {
  let made = 0
  const realms = Realms.make(() => {
    made++
    return FunctionRealm.make(undefined, () => assert.fail("nothing is thrown here"))
  })
  const take = () => realms.take() ?? assert.fail("there is a realm")
  return { made: () => made, realms, take }
}

const run = (realm: FunctionRealm.FunctionRealm, source: string) =>
  realm.invoke({ text: `exports = () => ${source}`, file: "f.js" }, [], { context: {}, console: {} })

describe("the realms of calls", () => {
  it("are used again, without what a call left", () => {
    const { made, realms, take } = make()
    const first = take()
    assert.strictEqual(run(first, "(left = 1, Buffer = 2, typeof left)"), "number")
    realms.release(first)
    const again = take()
    assert.strictEqual(again, first)
    assert.deepStrictEqual([run(again, "typeof left"), run(again, "typeof Buffer")], ["undefined", "function"])
    assert.strictEqual(made(), 1)
  })

  it("go with the call where something of it cannot be removed", () => {
    const { made, realms, take } = make()
    const first = take()
    run(first, `Object.defineProperty(globalThis, "stuck", { value: 1, enumerable: true })`)
    realms.release(first)
    assert.strictEqual(run(take(), "typeof stuck"), "undefined")
    assert.strictEqual(made(), 2)
  })

  it("are each of one call, a thousand at most", () => {
    const shared = FunctionRealm.make(undefined, () => assert.fail("nothing is thrown here"))
    const realms = Realms.make(() => shared)
    for (let i = 0; i < Realms.most; i++) assert.isDefined(realms.take())
    assert.isUndefined(realms.take())
    realms.drop()
    assert.isDefined(realms.take())
  })
})
