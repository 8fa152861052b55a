import { Effect } from "effect"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import type { Answer } from "./scripted.ts"

/** A request as it arrived on a socket. */
export interface Arrived {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly body: string
}

const read = async (request: IncomingMessage): Promise<Arrived> => {
  let body = ""
  for await (const chunk of request) body += String(chunk)
  const { method = "", url = "" } = request
  return { method, path: new URL(url, "http://h").pathname, authorization: request.headers.authorization, body }
}

/** A host on a socket until the scope closes: answers by script and records its requests. */
export const onSocket = (
  answer: (request: Arrived, baseUrl: string) => Exclude<Answer, "unreachable" | "hangs" | "dies mid-answer">
) => {
  const seen: Array<Arrived> = []
  return Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<{ readonly baseUrl: string; readonly close: () => void }>((resolve) => {
          const server = createServer(async (request, response) => {
            const arrived = await read(request)
            seen.push(arrived)
            const { body, headers, status = 200 } = answer(arrived, baseUrlOf())
            response.writeHead(status, { "content-type": "application/json", ...headers })
            response.end(typeof body === "string" || body === undefined ? body : JSON.stringify(body))
          })
          const baseUrlOf = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
          server.listen(0, "127.0.0.1", () =>
            resolve({
              baseUrl: baseUrlOf(),
              close: () => {
                server.closeAllConnections()
                server.close()
              }
            })
          )
        })
    ),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map(({ baseUrl }) => ({ baseUrl, seen })))
}
