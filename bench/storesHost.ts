/** A host of the protocol on a socket, with counters. */
import { accessToken, subject } from "./host.ts"
import { createServer } from "node:http"

export interface Host {
  readonly url: string
  refreshes: number
  /** Calls with the token of another user than the one they were made for. */
  wrong: number
  /** The last token that was issued to a user. */
  readonly issued: Map<string, string>
  latency: number
  /** In seconds. */
  lifetime: number
  /** Users whose next refresh is reported when it arrives, and never answered. */
  readonly unanswered: Map<string, () => void>
  readonly close: () => Promise<void>
}

export const startHost = async (): Promise<Host> => {
  // closing an idle connection must not count as a failure
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    let body = ""
    request.on("data", (chunk: Buffer) => (body += chunk.toString()))
    request.on("end", () => {
      const user = subject(request.headers.authorization ?? "")
      const say = (status: number, answer: unknown) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer))
      if (!request.url?.endsWith("/session")) {
        if (!body.includes(`"${user}"`)) host.wrong++
        say(200, user)
        return
      }
      host.refreshes++
      const arrived = host.unanswered.get(user)
      if (arrived !== undefined) {
        host.unanswered.delete(user)
        arrived()
        return
      }
      setTimeout(() => {
        const token = accessToken(user, host.lifetime)
        host.issued.set(user, token)
        say(201, { access_token: token })
      }, host.latency)
    })
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, resolve))
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const host: Host = {
    url: `http://127.0.0.1:${port}`,
    refreshes: 0,
    wrong: 0,
    latency: 20,
    lifetime: 1800,
    issued: new Map(),
    unanswered: new Map(),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      })
  }
  return host
}
