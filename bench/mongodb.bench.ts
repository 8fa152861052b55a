/**
 * Documents in MongoDB through rules, beside MongoDB's own driver on the same server. It is the one that `MONGODB_TEST_URI`
 * names, or the MongoDB port of a server in a process of its own, so that it takes no time of this one.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { Effect, Layer, Redacted, Result, Scope, Exit, Context } from "effect"
import { Database } from "effect-app-services/server"
import * as Mongo from "effect-app-services/mongodb"
import { type Document, MongoClient } from "mongodb"
import * as Rules from "../src/server/data/Rules.ts"
import * as UserDatabase from "../src/server/data/UserDatabase.ts"
import { inTurn, ratio, rounds, short, shown } from "./measure.ts"

const documents = short ? 200 : 10_000
const calls = short ? 20 : 1_000
/** Calls at the same time. */
const together = 16

const files = {
  "realm_config.json": { app_id: "bench" },
  "data_sources/m/config.json": { name: "m", type: "mongodb-atlas", config: { clusterName: "c" } }
}

/** Starts a process that plays MongoDB. */
const play = async () => {
  const folder = mkdtempSync(join(tmpdir(), "bench-"))
  for (const [file, value] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), JSON.stringify(value))
  }
  const args = ["src/cli/main.ts", "serve", folder, "--port", "0", "--json", "--mongodb-port", "0"]
  const child = spawn(process.execPath, [...args, "--mongodb-show-password"], { stdio: ["ignore", "pipe", "ignore"] })
  const closed = once(child, "close")
  const [line] = (await once(createInterface(child.stdout), "line")) as [string]
  return {
    uri: (JSON.parse(line) as { readonly mongodbUris: ReadonlyArray<string> }).mongodbUris[0] ?? "",
    end: async () => {
      child.kill()
      await closed
      rmSync(folder, { recursive: true })
    }
  }
}

const place = { appId: "bench", service: "m", database: "bench_app_services", collection: "orders" }

const given: Rules.Given = {
  user: { id: "u7", type: "normal", data: {}, customData: {}, identities: [] },
  values: new Map(),
  environment: { tag: "", values: new Map() },
  request: undefined,
  call: () => Effect.die("no function is called")
}

const owned = Result.getOrThrow(
  Rules.compile({ roles: [{ name: "own", apply_when: { owner: "%%user.id" }, read: true, write: true }] })
)

/** What a filtered query matches: the orders of a user in a month. */
const filter = { owner: "u7", month: 3 }

const measure = async (work: (i: number) => Promise<unknown>): Promise<number> => {
  const from = performance.now()
  let next = 0
  const worker = async () => {
    while (next < calls) await work(next++)
  }
  await Promise.all(Array.from({ length: together }, worker))
  return ((performance.now() - from) * 1000) / calls
}

export default async () => {
  const variable = process.env["MONGODB_TEST_URI"]
  const server = variable === undefined ? await play() : { uri: variable, end: () => Promise.resolve() }
  const client = await new MongoClient(server.uri).connect()
  const bare = client.db(place.database).collection<Document & { _id: number }>(place.collection)
  await bare.deleteMany({})
  await bare.insertMany(
    Array.from({ length: documents }, (_, i) => ({
      _id: i,
      owner: `u${i % 100}`,
      month: Math.floor(i / 100) % 12,
      total: i * 1.5,
      lines: [{ sku: `s${i % 50}`, n: i % 5 }]
    }))
  )
  await bare.createIndex({ owner: 1, month: 1 })
  const scope = Scope.makeUnsafe()
  const built = await Effect.runPromise(Layer.buildWithScope(Mongo.layer({ uri: Redacted.make(server.uri) }), scope))
  const source = { open: false, collections: new Map([[`${place.database}.${place.collection}`, owned]]) }
  const ruled = UserDatabase.make(Context.get(built, Database.Database), new Map([["m", source]]), given)
  const run = Effect.runPromiseWith(Context.empty())
  const probes = {
    "findOne by _id": {
      ours: (i: number) => run(ruled.find(place, { filter: { _id: (i * 100 + 7) % documents }, limit: 1 })),
      theirs: (i: number) => bare.findOne({ _id: (i * 100 + 7) % documents })
    },
    "find of a user's month": {
      ours: () => run(ruled.find(place, { filter: { month: filter.month } })),
      theirs: () => bare.find(filter).toArray()
    }
  }
  try {
    const rows = []
    for (const [probe, { ours, theirs }] of Object.entries(probes)) {
      const [through = [], beside = []] = await inTurn([() => measure(ours), () => measure(theirs)], {
        rounds: rounds(9)
      })
      rows.push({
        probe,
        "through rules": shown(through, "µs"),
        "mongodb driver": `${shown(beside, "µs")}, ${ratio(through, beside)}`
      })
    }
    return rows
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await bare.drop()
    await client.close()
    await server.end()
  }
}
