import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { MongoWire } from "effect-app-services/server"
import { MongoClient } from "mongodb"
import * as ChangeStreams from "../../../src/server/mongodb/internal/changeStream.ts"
import { port } from "./users.ts"

it.live("closes a change stream whose opening is interrupted", () =>
  Effect.gen(function* () {
    const uri = yield* MongoWire.MongoWire.use(({ uri }) => uri())
    const client = yield* Effect.acquireRelease(
      Effect.promise(() => new MongoClient(Redacted.value(uri)).connect()),
      (client) => Effect.promise(() => client.close())
    )
    const stream = client.db("shop").collection("items").watch()
    const opening = yield* Effect.forkChild(
      ChangeStreams.read(
        () => stream,
        () => undefined
      ),
      { startImmediately: true }
    )
    assert.isFalse(stream.closed)
    yield* Fiber.interrupt(opening)
    assert.isTrue(stream.closed)
  }).pipe(Effect.scoped, Effect.provide(port))
)
