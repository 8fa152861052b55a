/** Requests with any path, as it is, and any headers: `fetch` changes the one, and does not allow all others. */
import { Effect } from "effect"
import { request, type IncomingHttpHeaders } from "node:http"

export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Sends exactly these headers and this path on the wire, on a connection of its own. */
export const rawRequest = (
  baseUrl: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string | Buffer
): Effect.Effect<RawAnswer> =>
  Effect.callback((resume) => {
    const { hostname, port } = new URL(baseUrl)
    const sent = request({ hostname, port, method, path, headers, agent: false }, (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("end", () =>
        resume(
          Effect.succeed({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString()
          })
        )
      )
    })
    sent.on("error", (cause) => resume(Effect.die(new Error(`${method} ${path}`, { cause }))))
    sent.end(body)
  })
