import { Context, Effect, Layer } from "effect"
import { UserStore } from "../../../src/server/users/UserStore.ts"
import { races, Stores } from "../users/userStoreRaces.ts"
import { suite } from "../users/userStoreSuite.ts"
import { port, users } from "./users.ts"

suite("in MongoDB", Layer.orDie(Layer.provide(users, port)))

const store = Effect.map(Layer.build(Layer.fresh(users)), (services) => Context.get(services, UserStore))

races("in MongoDB", Layer.orDie(Layer.provide(Layer.effect(Stores, Effect.all([store, store])), port)))
