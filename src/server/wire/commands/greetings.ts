/** Commands that need no authentication: the handshake, authentication itself, and what a server says about itself. */
import { Binary } from "bson"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { arch, platform, release } from "node:os"
import type { DatabaseError } from "../../data/DatabaseError.ts"
import { isDocument } from "../../data/internal/bson.ts"
import type { Document } from "../../data/Operation.ts"
import { fail, failure } from "../internal/errors.ts"
import type { Connection } from "../internal/Call.ts"
import { numberOf } from "../internal/fields.ts"
import { largestMessage } from "../internal/messages.ts"
import * as Scram from "../internal/scram.ts"
import * as Sessions from "../internal/sessions.ts"
import { sourceOf } from "../internal/sources.ts"

/** The version of MongoDB whose commands are spoken. */
const version = [8, 0, 0, 0]
const wireVersion = 25

const setName = "effect-app-services"

const mechanism = "SCRAM-SHA-256"

type Greeting = (connection: Connection, request: Document) => Effect.Effect<Document, DatabaseError>

/** The server presents itself as the only member of a replica set: drivers offer transactions and change streams then. */
const hello =
  (field: "isWritablePrimary" | "ismaster"): Greeting =>
  (connection, request) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const { address } = connection.server
      const speculative = request["speculativeAuthenticate"]
      const begun = isDocument(speculative) ? begin(connection, speculative) : undefined
      return {
        helloOk: true,
        [field]: true,
        hosts: [address],
        setName,
        setVersion: 1,
        secondary: false,
        primary: address,
        me: address,
        maxBsonObjectSize: 16 * 1024 * 1024,
        maxMessageSizeBytes: largestMessage,
        maxWriteBatchSize: 100_000,
        // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
        localTime: new Date(now),
        logicalSessionTimeoutMinutes: Sessions.timeoutMinutes,
        connectionId: connection.id,
        minWireVersion: 0,
        maxWireVersion: wireVersion,
        readOnly: false,
        ...(typeof request["saslSupportedMechs"] === "string" ? { saslSupportedMechs: [mechanism] } : undefined),
        // without it, the client begins again with saslStart, and is told what is wrong
        ...(begun === undefined || begun instanceof Error ? undefined : { speculativeAuthenticate: begun }),
        ok: 1
      }
    })

const textOf = (payload: unknown): string =>
  payload instanceof Binary ? Buffer.from(payload.value()).toString("utf8") : typeof payload === "string" ? payload : ""

const payloadOf = (text: string): Binary => new Binary(Buffer.from(text))

const refusedLogin = () => failure("AuthenticationFailed", "Authentication failed.")

let conversations = 0

/** Answers the first message of a login. */
const begin = (connection: Connection, request: Document): Document | DatabaseError => {
  connection.conversation = undefined
  connection.source = undefined
  if (request["mechanism"] !== mechanism) {
    return failure(
      "MechanismUnavailable",
      `Received authentication for mechanism ${String(request["mechanism"])} which is not enabled: use ${mechanism}`
    )
  }
  const begun = Scram.begin(connection.server.verifier, textOf(request["payload"]))
  if (begun === undefined) return refusedLogin()
  const id = (conversations = (conversations + 1) & 0x7fff_ffff)
  const { options } = request
  const short = isDocument(options) && options["skipEmptyExchange"] === true
  connection.conversation = { id, state: begun.conversation, short }
  return { conversationId: id, done: false, payload: payloadOf(begun.answer), ok: 1 }
}

const saslStart: Greeting = (connection, request) =>
  Effect.suspend(() => {
    const begun = begin(connection, request)
    return begun instanceof Error ? Effect.fail(begun) : Effect.succeed(begun)
  })

const saslContinue: Greeting = (connection, request) =>
  Effect.suspend(() => {
    const { conversation } = connection
    const conversationId = numberOf(request["conversationId"])
    if (conversation === "proven") {
      // the empty message that older clients end a conversation with
      connection.conversation = undefined
      return Effect.succeed({ conversationId, done: true, payload: payloadOf(""), ok: 1 })
    }
    connection.conversation = undefined
    if (conversation === undefined || conversation.id !== conversationId) return Effect.fail(refusedLogin())
    const answer = Scram.prove(conversation.state, textOf(request["payload"]))
    // whether the name or the password is wrong is not told
    const source = sourceOf(connection.server.sources, conversation.state.user)
    if (answer === undefined || source === undefined) return Effect.fail(refusedLogin())
    connection.source = source
    if (!conversation.short) connection.conversation = "proven"
    return Effect.succeed({ conversationId, done: conversation.short, payload: payloadOf(answer), ok: 1 })
  })

const ping: Greeting = () => Effect.succeed({ ok: 1 })

const buildInfo: Greeting = () =>
  Effect.succeed({
    version: version.slice(0, 3).join("."),
    versionArray: version,
    gitVersion: "effect-app-services",
    modules: [],
    allocator: "system",
    javascriptEngine: "none",
    sysInfo: "deprecated",
    bits: 64,
    debug: false,
    maxBsonObjectSize: 16 * 1024 * 1024,
    storageEngines: ["memory"],
    ok: 1
  })

const connectionStatus: Greeting = ({ source }, request) =>
  Effect.sync(() => ({
    authInfo: {
      authenticatedUsers: source === undefined ? [] : [{ user: source.user, db: "admin" }],
      authenticatedUserRoles: source === undefined ? [] : [{ role: "readWriteAnyDatabase", db: "admin" }],
      ...(request["showPrivileges"] === true ? { authenticatedUserPrivileges: [] } : undefined)
    },
    ok: 1
  }))

const logout: Greeting = (connection) =>
  Effect.sync(() => {
    connection.source = undefined
    connection.conversation = undefined
    return { ok: 1 }
  })

const authenticate: Greeting = (_, request) =>
  fail(
    "MechanismUnavailable",
    `authenticate${typeof request["mechanism"] === "string" ? ` with ${request["mechanism"]}` : ""} is not supported by this server: log in with ${mechanism}`
  )

/** The commands by name. */
export const greetings: Readonly<Record<string, Greeting>> = {
  hello: hello("isWritablePrimary"),
  isMaster: hello("ismaster"),
  ismaster: hello("ismaster"),
  saslStart,
  saslContinue,
  authenticate,
  logout,
  ping,
  buildInfo,
  buildinfo: buildInfo,
  connectionStatus
}

/** What the server says about its host. */
export const hostInfo: Effect.Effect<Document> = Effect.sync(() => ({
  system: { cpuArch: arch() },
  os: { type: platform(), name: platform(), version: release() },
  extra: {},
  ok: 1
}))

/** What `getParameter` knows. */
export const parameters: Readonly<Record<string, unknown>> = {
  authenticationMechanisms: [mechanism],
  featureCompatibilityVersion: { version: `${version[0]}.${version[1]}` }
}
