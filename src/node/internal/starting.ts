/** Answers to requests that arrive while the server listens, but has not yet read its data directory. */
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import * as Health from "../../server/api/Health.ts"

/**
 * Answers requests with 503, and those about health as they are to be answered, until there is another listener for requests.
 */
export const answerWhileStarting = (server: Server): void => {
  const own = server.listenerCount("request") + 1
  const answer = ({ method, url }: IncomingMessage, response: ServerResponse) => {
    if (server.listenerCount("request") > own) return void server.off("request", answer)
    const question = Health.questionOf(method, url)
    const { body, status } =
      question === undefined
        ? { status: 503, body: { error: "the server is starting", error_code: "InternalServerError" } }
        : Health.whileStarting(question)
    const headers = question === undefined ? { "retry-after": "1" } : Health.headers
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))
  }
  server.on("request", answer)
}
