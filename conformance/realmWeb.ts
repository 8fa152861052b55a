/** Unmodified `realm-web`, with its requests recorded. */
import assert from "node:assert/strict"
import * as Realm from "realm-web"
import * as MemoryStorage from "./memoryStorage.ts"

export { Realm }

/** More requests than any one call of realm-web makes: beyond this it is in an endless loop. */
const most = 40

type Fetch = NonNullable<Exclude<ConstructorParameters<typeof Realm.App>[0], string>["fetch"]>

export interface Client {
  readonly app: Realm.App
  /** Takes the requests recorded so far, as `POST /auth/session`, with paths below the root of the API or of the app. */
  readonly requests: () => ReadonlyArray<string>
  /** Resolves when the next request of this form is answered. */
  readonly answered: (request: string) => Promise<void>
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
  const waiting = new Map<string, () => void>()
  const counting: Fetch = async (input, init) => {
    const path = input.replace(/^.*?\/api\/client\/v2\.0(\/app\/[^/]+)?/, "").split("?")[0]
    const request = `${init?.method ?? "GET"} ${path}`
    requests.push(request)
    if (requests.length > most) throw new Error(`realm-web repeats without end: ${requests.slice(-4).join(", ")}`)
    const response: Response = await Reflect.apply(fetch, undefined, [input, init])
    waiting.get(request)?.()
    waiting.delete(request)
    return response
  }
  return {
    app: new Realm.App({ id, baseUrl, storage, fetch: counting, ...more }),
    requests: () => {
      const seen = requests
      requests = []
      return seen
    },
    answered: (request) => new Promise((resolve) => waiting.set(request, resolve))
  }
}

/** Asserts the error of realm-web for a rejected request. */
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
