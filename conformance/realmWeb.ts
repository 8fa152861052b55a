/** Unmodified `realm-web`, with an eye on what it asks for. */
import assert from "node:assert/strict"
import * as Realm from "realm-web"
import * as MemoryStorage from "./memoryStorage.ts"

export { Realm }

/** More requests than any one call of realm-web makes: from here on it is going round in circles. */
const most = 40

type Fetch = NonNullable<Exclude<ConstructorParameters<typeof Realm.App>[0], string>["fetch"]>

export interface Client {
  readonly app: Realm.App
  /** The requests since the last look, as `POST /auth/session`, below the root of the API or of the app. */
  readonly requests: () => ReadonlyArray<string>
}

export interface ConnectOptions {
  readonly id?: string
  readonly storage?: MemoryStorage.Storage
  readonly skipLocationRequest?: boolean
  readonly app?: { readonly name: string; readonly version: string }
}

export const connect = (
  baseUrl: string,
  { id = "conform-main", storage = MemoryStorage.make(), ...more }: ConnectOptions = {}
): Client => {
  let requests: Array<string> = []
  const counting: Fetch = (input, init) => {
    requests.push(
      `${init?.method ?? "GET"} ${input.replace(/^.*?\/api\/client\/v2\.0(\/app\/[^/]+)?/, "").split("?")[0]}`
    )
    if (requests.length > most) throw new Error(`realm-web asks for ever: ${requests.slice(-4).join(", ")}`)
    const answer: Promise<Response> = Reflect.apply(fetch, undefined, [input, init])
    return answer
  }
  return {
    app: new Realm.App({ id, baseUrl, storage, fetch: counting, ...more }),
    requests: () => {
      const seen = requests
      requests = []
      return seen
    }
  }
}

/** What realm-web rejects with when a server refused. */
const refusal = async (request: Promise<unknown>): Promise<Realm.MongoDBRealmError> => {
  const error: unknown = await request.then(
    () => assert.fail("nobody was refused"),
    (error: unknown) => error
  )
  return error instanceof Realm.MongoDBRealmError ? error : assert.fail(String(error))
}

export const refused = async (
  request: Promise<unknown>,
  status: number,
  code: string | undefined,
  text: string | RegExp
): Promise<void> => {
  const { error, errorCode, statusCode } = await refusal(request)
  assert.deepEqual([statusCode, errorCode], [status, code], error)
  if (typeof text === "string") assert.equal(error, text)
  else assert.match(String(error), text)
}
