import { describe, expect, it } from "@effect/vitest"
import { Slots } from "../../src/core/slots.ts"

describe("entries by consecutive numbers", () => {
  it("finds entries until they are taken", () => {
    const slots = new Slots<string>()
    slots.add(1, "a")
    slots.add(2, "b")
    expect([slots.get(1), slots.get(2), slots.get(3), slots.size]).toEqual(["a", "b", undefined, 2])
    expect([slots.take(1), slots.take(1), slots.get(1), slots.has(2), slots.size]).toEqual([
      "a",
      undefined,
      undefined,
      true,
      1
    ])
  })

  it("keeps entries that are not taken, however many keys follow", () => {
    const slots = new Slots<number>()
    for (let key = 0; key < 10_000; key++) {
      slots.add(key, key)
      if (key % 1_000 !== 0) expect(slots.take(key)).toBe(key)
    }
    expect(slots.values()).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000])
    expect([slots.size, slots.take(3_000), slots.get(3_000), slots.size]).toEqual([10, 3_000, undefined, 9])
  })

  it("tells entries of the same slot apart", () => {
    const slots = new Slots<string>()
    slots.add(5, "first")
    slots.add(5 + 1_024, "second")
    expect([slots.get(5), slots.get(5 + 1_024), slots.get(5 + 2_048)]).toEqual(["first", "second", undefined])
    expect([slots.take(5 + 1_024), slots.get(5), slots.size]).toEqual(["second", "first", 1])
  })

  it("keeps the order of entries where the numbers wrap around", () => {
    const slots = new Slots<string>()
    const last = 2 ** 31 - 1
    slots.add(last, "before")
    slots.add((last + 1) | 0, "after")
    expect(slots.entries()).toEqual([
      [last, "before"],
      [-(2 ** 31), "after"]
    ])
  })
})
