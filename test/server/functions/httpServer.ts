import { Effect } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface Request {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

/** A server on loopback that remembers what it was asked. */
export const server = (answer: (request: Request, response: ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const requests: Array<Request> = []
      const listener = createServer((message, response) => {
        const chunks: Array<Buffer> = []
        message.on("data", (chunk: Buffer) => chunks.push(chunk))
        message.on("end", () => {
          const { headers, method = "", url = "" } = message
          const request = { method, url, headers, body: Buffer.concat(chunks).toString() }
          requests.push(request)
          answer(request, response)
        })
      })
      await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve))
      const { port } = listener.address() as AddressInfo
      return { listener, port, url: `http://127.0.0.1:${port}`, requests }
    }),
    ({ listener }) =>
      Effect.promise(async () => {
        listener.closeAllConnections()
        await new Promise((resolve) => listener.close(resolve))
      })
  )

export const ok = (_: Request, response: ServerResponse) => response.end("ok")
