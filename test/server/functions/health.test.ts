import { describe, expect, it } from "@effect/vitest"
import { Health } from "../../../src/server/functions/pool/health.ts"

const limit = 1_000

/** A process that has started and has read everything. */
const started = () => {
  const health = new Health()
  health.acknowledged(0)
  return health
}

describe("the health of a process", () => {
  it("is not checked before the process has started", () => {
    const health = new Health()
    health.posted(0)
    expect([health.check(10_000, limit), health.isResponding, health.isStarted]).toEqual(["Keep", true, false])
    health.acknowledged(0)
    expect(health.isStarted).toBe(true)
  })

  it("takes calls back once when a batch stays unread for 150 ms", () => {
    const health = started()
    health.posted(0)
    expect([health.check(149, limit), health.isResponding]).toEqual(["Keep", true])
    expect([health.check(150, limit), health.isResponding]).toEqual(["TakeBack", false])
    expect(health.check(200, limit)).toBe("Keep")
  })

  it("stops a process that is silent for its limit", () => {
    const health = started()
    health.posted(0)
    expect([health.check(500, limit), health.check(999, limit), health.check(1_000, limit)]).toEqual([
      "TakeBack",
      "Keep",
      "Stop"
    ])
  })

  it("responds again when it acknowledges a batch, even if it is behind with later ones", () => {
    const health = started()
    health.posted(0)
    health.posted(100)
    expect(health.check(200, limit)).toBe("TakeBack")
    health.acknowledged(1)
    expect([health.check(300, limit), health.isResponding, health.isBehind]).toEqual(["Keep", true, true])
    expect(health.check(450, limit)).toBe("TakeBack")
  })

  it("gives a process that was idle its whole time for the next batch", () => {
    const health = started()
    health.posted(0)
    health.acknowledged(1)
    expect(health.check(50, limit)).toBe("Keep")
    health.posted(5_000)
    expect([health.check(5_100, limit), health.check(5_150, limit)]).toEqual(["Keep", "TakeBack"])
  })

  it("stops a silent process at once after a call of it exceeded the time limit", () => {
    const health = started()
    health.posted(0)
    health.exceeded()
    health.posted(100)
    expect([health.check(140, limit), health.isOverdue]).toEqual(["Keep", true])
    expect(health.check(150, limit)).toBe("Stop")
  })

  it("is overdue until the batch after the limit is acknowledged", () => {
    const health = started()
    health.posted(0)
    health.exceeded()
    health.posted(10)
    health.acknowledged(1)
    expect([health.check(20, limit), health.isOverdue]).toEqual(["Keep", true])
    health.acknowledged(2)
    expect([health.check(30, limit), health.isOverdue]).toEqual(["Keep", false])
    expect(health.isBehind).toBe(false)
  })
})
