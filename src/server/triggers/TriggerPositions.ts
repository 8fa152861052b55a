/**
 * Where each trigger is, and who runs it.
 *
 * A trigger is run by the holder of its lease. Each lease has a fencing token, a number that is greater than those of all
 * earlier ones: a holder that was replaced without knowing it cannot move the position any more. Servers that share a
 * database share a store of positions (`server/mongodb/internal/positions`); the implementation here is for one process, on its
 * row store.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { DatabaseError } from "../data/DatabaseError.ts"
import { attempt, RowStore, type RowStoreError } from "../storage/RowStore.ts"
import { Table, write } from "../storage/Table.ts"

/** A trigger of an application. Another name is another trigger. */
export interface Key {
  readonly appId: string
  readonly name: string
}

/** What is kept of a trigger. */
export const State = Schema.Struct({
  /** The place after the last event that is done with, and before the first one that is not. */
  position: Schema.String,
  status: Schema.Literals(["running", "suspended", "disabled"]),
  /** Why it is suspended. */
  reason: Schema.optionalKey(Schema.String),
  runs: Schema.Int,
  failures: Schema.Int,
  /** Times are in milliseconds since the epoch. */
  lastRun: Schema.optionalKey(Schema.Struct({ at: Schema.Finite, millis: Schema.Finite, failed: Schema.Boolean })),
  lastFailure: Schema.optionalKey(Schema.Struct({ at: Schema.Finite, message: Schema.String }))
})

/** The decoded form of {@link State}. */
export type State = typeof State.Type

/** The right to run a trigger. */
export interface Lease {
  readonly key: Key
  /** The fencing token. */
  readonly fence: number
}

/** A state to be saved under a lease. */
export interface Save {
  readonly lease: Lease
  readonly state: State
}

/** The lease has expired, and another server may run the trigger. */
export class LeaseLost extends Schema.TaggedError<LeaseLost>("effect-app-services/server/triggers/LeaseLost")(
  "LeaseLost",
  {}
) {}

/** The store of positions failed. */
export type Failure = RowStoreError | DatabaseError

/** The shape of {@link TriggerPositions}. */
export interface Service {
  /** How long a lease lasts without being renewed. */
  readonly leaseTime: Duration.Duration
  /** Acquires the lease of a trigger with its state, if there is one; nothing while another holder has it. */
  readonly acquire: (
    key: Key
  ) => Effect.Effect<Option.Option<{ readonly lease: Lease; readonly state: State | undefined }>, Failure>
  readonly renew: (lease: Lease) => Effect.Effect<void, LeaseLost | Failure>
  /** Ends a lease. One that cannot be released expires. */
  readonly release: (lease: Lease) => Effect.Effect<void>
  /** Saves states in one commit, except those whose lease is lost: it answers with these leases. */
  readonly save: (saves: ReadonlyArray<Save>) => Effect.Effect<ReadonlyArray<Lease>, Failure>
  /** The states of an application's triggers by name, as they were last saved. */
  readonly states: (appId: string) => Effect.Effect<ReadonlyMap<string, State>, Failure>
  /**
   * Ends the suspension of a trigger that another server runs, and its lease: the next holder goes on from the given
   * position, or from the one where it was suspended. Returns whether it was suspended.
   */
  readonly resume: (key: Key, position: string | undefined) => Effect.Effect<boolean, Failure>
}

/** A state without its suspension. */
export const resumed = ({ reason: _, ...state }: State, position: string | undefined): State => ({
  ...state,
  status: "running",
  ...(position !== undefined && { position })
})

const Row = Schema.Struct({
  appId: Schema.String,
  name: Schema.String,
  fence: Schema.Int,
  state: Schema.optionalKey(State)
})

const keyOf = ({ appId, name }: Key): string => JSON.stringify([appId, name])

const make = (rowStore: RowStore["Service"], leaseTime: Duration.Duration): Service => {
  const table = new Table(rowStore, { name: "triggers", schema: Row, key: keyOf })
  // leases are not stored: the process that opens a row store is its only user
  const held = new Map<string, { readonly fence: number; until: number }>()
  const holds = ({ fence, key }: Lease): boolean => held.get(keyOf(key))?.fence === fence
  return {
    leaseTime,
    acquire: (key) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        attempt(() => {
          const id = keyOf(key)
          const holder = held.get(id)
          if (holder !== undefined && holder.until > now) return Option.none()
          const row = table.rows.get(id)
          const fence = (row?.fence ?? 0) + 1
          write(rowStore, [table.put({ ...key, ...row, fence })])
          held.set(id, { fence, until: now + Duration.toMillis(leaseTime) })
          return Option.some({ lease: { key, fence }, state: row?.state })
        })
      ),
    renew: (lease) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.suspend(() => {
          const holder = held.get(keyOf(lease.key))
          if (holder === undefined || !holds(lease) || holder.until <= now) return Effect.fail(new LeaseLost())
          holder.until = now + Duration.toMillis(leaseTime)
          return Effect.void
        })
      ),
    release: (lease) =>
      Effect.sync(() => {
        if (holds(lease)) held.delete(keyOf(lease.key))
      }),
    save: (saves) =>
      attempt(() => {
        const kept = saves.filter(({ lease }) => holds(lease))
        write(
          rowStore,
          kept.map(({ lease: { fence, key }, state }) => table.put({ ...key, fence, state }))
        )
        return saves.flatMap(({ lease }) => (holds(lease) ? [] : [lease]))
      }),
    states: (appId) =>
      Effect.sync(
        () =>
          new Map(
            [...table.rows.values()].flatMap(({ appId: of, name, state }) =>
              of === appId && state !== undefined ? [[name, state]] : []
            )
          )
      ),
    resume: (key, position) =>
      attempt(() => {
        const id = keyOf(key)
        const row = table.rows.get(id)
        if (row?.state?.status !== "suspended") return false
        write(rowStore, [table.put({ ...row, fence: row.fence + 1, state: resumed(row.state, position) })])
        held.delete(id)
        return true
      })
  }
}

/** The positions of all triggers of a server. */
export class TriggerPositions extends Context.Service<TriggerPositions, Service>()(
  "effect-app-services/server/triggers/TriggerPositions"
) {
  /**
   * Keeps positions in the row store; without a durable one in memory, for the lifetime of the layer. Leases last until they
   * are released, by default, since one process at a time uses a row store.
   */
  static readonly layer = (
    leaseTime: Duration.Input = Duration.infinity
  ): Layer.Layer<TriggerPositions, RowStoreError, RowStore> =>
    Layer.effect(
      TriggerPositions,
      Effect.flatMap(RowStore, (rowStore) => attempt(() => make(rowStore, Duration.fromInputUnsafe(leaseTime))))
    )
}
