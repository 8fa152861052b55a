/** How far a trigger is whose events end in any order: up to the first one that has not ended. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

/** An event under way. */
interface Slot {
  readonly position: string
  ended: boolean
}

/** Events under way, in their order. */
export class Progress {
  readonly #slots: Array<Slot> = []
  readonly #most: number
  readonly #room = Latch.makeUnsafe(true)

  /** `most` is the number of events from the first one that has not ended to the last that has begun. */
  constructor(most: number) {
    this.#most = most
  }

  /** Begins an event, once there is room for it. */
  begin(position: string): Effect.Effect<Slot> {
    return Effect.andThen(
      this.#room.await,
      Effect.sync(() => {
        const slot = { position, ended: false }
        this.#slots.push(slot)
        if (this.#slots.length >= this.#most) this.#room.closeUnsafe()
        return slot
      })
    )
  }

  /** Ends an event; returns the new position if there is one. */
  end(slot: Slot): string | undefined {
    slot.ended = true
    const open = this.#slots.findIndex(({ ended }) => !ended)
    const last = this.#slots.splice(0, open === -1 ? this.#slots.length : open).at(-1)
    if (this.#slots.length < this.#most) this.#room.openUnsafe()
    return last?.position
  }
}
