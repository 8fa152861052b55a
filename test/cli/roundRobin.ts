import { Effect } from "effect"
import { once } from "node:events"
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { buffer } from "node:stream/consumers"

/** The answer of a server; it fails if the connection is refused or ends early. */
const forward = async (agent: Agent, port: number, { headers, method, url }: IncomingMessage, body: Buffer) => {
  const asked = request({ agent, host: "127.0.0.1", port, method, path: url, headers })
  asked.end(body)
  const [answer] = (await once(asked, "response")) as [IncomingMessage]
  return { status: answer.statusCode ?? 502, headers: answer.headers, body: await buffer(answer) }
}

const isRefused = (cause: unknown) => (cause as NodeJS.ErrnoException).code === "ECONNREFUSED"

/**
 * A load balancer as docs/many-servers.md wants one, on loopback: each request goes to the next server, and to the one after it
 * only if it cannot be connected to. A connection that ends before the answer is 502, since a write may have been made.
 */
export const roundRobin = (ports: ReadonlyArray<number>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const agent = new Agent({ keepAlive: true })
      let turn = 0
      const answer = async (asked: IncomingMessage, response: ServerResponse) => {
        const body = await buffer(asked)
        const first = turn++
        for (let i = 0; i < ports.length; i++) {
          try {
            const answer = await forward(agent, ports[(first + i) % ports.length] ?? 0, asked, body)
            response.writeHead(answer.status, answer.headers).end(answer.body)
            return
          } catch (cause) {
            if (!isRefused(cause)) break
          }
        }
        response.writeHead(502).end()
      }
      const server = createServer((asked, response) => void answer(asked, response).catch(() => response.destroy()))
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      return { server, agent, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
    }),
    ({ agent, server }) =>
      Effect.sync(() => {
        agent.destroy()
        server.closeAllConnections()
        server.close()
      })
  )
