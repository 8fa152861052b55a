import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { directory } from "../server/support.ts"
import { client, serveApp } from "./processes.ts"
import { randomOf } from "./random.ts"

const app = { id: "crash", providers: { anonymous: true, apiKey: true, emailPassword: { autoConfirm: true } } }
const password = "correct horse"

type Client = ReturnType<typeof client>

/** What the server said that it did. What it was asked and never answered may be or not, and is in none of these. */
const book = () => ({
  accounts: new Map<string, string | undefined>(),
  sessions: new Set<string>(),
  ended: new Set<string>(),
  keys: new Map<string, { readonly id: string; readonly owner: string; readonly userId: string }>(),
  deleted: new Set<string>(),
  asked: 0
})

type Book = ReturnType<typeof book>

const pick = <A>(values: Iterable<A>, random: () => number): A | undefined => {
  const all = Array.from(values)
  return all[Math.floor(random() * all.length)]
}

/** One thing that a client does; whether it was answered. */
const act = async (
  api: Client,
  { accounts, deleted, ended, keys, sessions }: Book,
  random: () => number,
  serial: number
) => {
  const choice = random()
  if (choice < 0.25) {
    const email = `user-${serial}@example.com`
    const answer = await api.register(email, password)
    if (answer?.status === 201) accounts.set(email, undefined)
    return answer !== undefined
  }
  if (choice < 0.55) {
    const email = choice < 0.45 ? pick(accounts.keys(), random) : undefined
    const answer = await (email === undefined ? api.anonymous() : api.emailPassword(email, password))
    if (answer === undefined) return false
    assert.strictEqual(answer.status, 200)
    sessions.add(answer.body["refresh_token"])
    if (email !== undefined) {
      const known = accounts.get(email)
      if (known !== undefined) assert.strictEqual(answer.body["user_id"], known)
      accounts.set(email, answer.body["user_id"])
    }
    return true
  }
  const session = pick(sessions, random)
  if (session === undefined) return true
  if (choice < 0.8) {
    const answer = await api.createKey(session, `key-${serial}`)
    if (answer?.status === 201) {
      const user = JSON.parse(Buffer.from(session.split(".")[1], "base64url").toString()) as Record<string, string>
      keys.set(answer.body["key"], { id: answer.body["_id"], owner: session, userId: user["sub"] })
    }
    return answer !== undefined
  }
  if (choice < 0.9) {
    sessions.delete(session)
    const answer = await api.logOut(session)
    if (answer?.status === 204) ended.add(session)
    return answer !== undefined
  }
  const found = pick(keys, random)
  if (found === undefined || !sessions.has(found[1].owner)) return true
  const [key, { id, owner }] = found
  keys.delete(key)
  const answer = await api.deleteKey(owner, id)
  if (answer?.status === 204) deleted.add(key)
  return answer !== undefined
}

/** How many clients there are, each with one request under way. */
const clientCount = 8

/** Whether there is enough of each to look at, whatever the requests under way remove. */
const isFull = ({ accounts, deleted, keys, sessions }: Book): boolean =>
  accounts.size > 5 && sessions.size > 5 + clientCount && keys.size + deleted.size > 5

/** Looks at everything, or at the last of each. */
const check = async (api: Client, { accounts, deleted, ended, keys, sessions }: Book, last = Infinity) => {
  const rest = <A>(all: Iterable<A>) => Array.from(all).slice(-last)
  for (const [email, userId] of rest(accounts)) {
    const answer = await api.emailPassword(email, password)
    assert.strictEqual(answer?.status, 200, email)
    if (userId !== undefined) assert.strictEqual(answer!.body["user_id"], userId, email)
  }
  for (const token of rest(sessions)) assert.strictEqual((await api.refresh(token))?.status, 201, "a session")
  for (const token of rest(ended)) assert.strictEqual((await api.refresh(token))?.status, 401, "an ended session")
  for (const [key, { id, userId }] of rest(keys)) {
    const answer = await api.apiKey(key)
    assert.strictEqual(answer?.status, 200, `key ${id}`)
    assert.strictEqual(answer!.body["user_id"], userId, `key ${id}`)
  }
  for (const key of rest(deleted)) assert.strictEqual((await api.apiKey(key))?.status, 401, "a deleted key")
}

it.live(
  "whatever a server acknowledged is there after it was killed, again and again",
  () =>
    Effect.gen(function* () {
      const seed = Number(process.env["CRASH_SEED"] ?? Math.floor(Math.random() * 2 ** 31))
      // to repeat a failure
      console.log(`CRASH_SEED=${seed}`)
      const random = randomOf(seed)
      const path = yield* directory({})
      const known = book()
      for (const kills of [2, 1, 0]) {
        const server = yield* serveApp(app, path)
        const api = client(server.baseUrl, app.id)
        // a killed process leaves the lock to the next one, and all that it said it did
        yield* Effect.promise(() => check(api, known, kills === 0 ? Infinity : 8))
        if (kills === 0) break
        const enough = known.asked + 20 + Math.floor(random() * 60)
        const clients = Array.from({ length: clientCount }, async () => {
          while (await act(api, known, random, known.asked++));
        })
        const working = Promise.all(clients)
        const reached = Effect.gen(function* () {
          while (known.asked < enough || !isFull(known)) yield* Effect.sleep("1 millis")
        })
        yield* Effect.raceFirst(
          reached,
          Effect.promise(() => working)
        )
        yield* server.end("SIGKILL")
        yield* Effect.promise(() => working)
      }
      assert.isAbove(known.accounts.size, 5)
      assert.isAbove(known.sessions.size, 5)
      assert.isAbove(known.keys.size + known.deleted.size, 5)
    }),
  180_000
)
