/** HTTPS endpoints and incoming webhooks, raw: what a caller sends and gets. */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import { appPath, fails, logIn, send, succeeds } from "../wire.ts"

const endpoint = (route: string) => `/app/conform-main/endpoint/${route}`
const hook = appPath("service/web/incoming_webhook/hook")
/** The HMAC-SHA-256 of `{ "n": 1 }` with the key `s3cret-value`. */
const signature = "dbc28112a314574c055553abce6d16b4319bde47eff083626d7379428595b9a0"

export default [
  topic("HTTPS endpoints", {
    "answers any method, with plain JSON": async ({ baseUrl }) => {
      for (const method of ["GET", "PUT", "PATCH", "DELETE"]) {
        assert.deepEqual(succeeds(await send(baseUrl, method, endpoint("respond"))).value, { method, text: null })
      }
      const headers = { "content-type": "application/json" }
      const { value } = succeeds(await send(baseUrl, "POST", endpoint("respond"), { headers, body: '{"n": 1}' }))
      assert.deepEqual(value, { method: "POST", type: ["application/json"], text: '{"n": 1}' })
    },
    "answers with what the function sets": async ({ baseUrl }) => {
      assert.equal((await send(baseUrl, "GET", endpoint("respond?status=202"))).status, 202)
      assert.equal((await send(baseUrl, "GET", endpoint("respond?body=[1]"))).text, "[1]")
      assert.equal(succeeds(await send(baseUrl, "POST", endpoint("silent")), 204).text, "")
    },
    "ask for a signature of the body's bytes": async ({ baseUrl }) => {
      const headers = { "endpoint-signature": `sha256=${signature}` }
      succeeds(await send(baseUrl, "POST", endpoint("orders/paid"), { headers, body: '{ "n": 1 }' }))
      const compact = await send(baseUrl, "POST", endpoint("orders/paid"), { headers, body: '{"n":1}' })
      fails(compact, 401, "IncomingWebhookAuthFailed", /signature/)
    },
    "ask for a secret in the query": async ({ baseUrl }) => {
      succeeds(await send(baseUrl, "GET", endpoint("secret?secret=s3cret-value")))
      fails(await send(baseUrl, "GET", endpoint("secret?secret=wrong")), 401, "IncomingWebhookAuthFailed", /secret/)
    },
    "know their caller by a token": async ({ baseUrl }) => {
      const { access, id } = await logIn(baseUrl)
      assert.equal(succeeds(await send(baseUrl, "GET", endpoint("whoCalls"), { token: access })).value, id)
      const none = await send(baseUrl, "GET", endpoint("whoCalls"))
      fails(none, 400, "InvalidParameter", "no authentication methods were specified")
    },
    "are not found by another route or method": async ({ baseUrl }) => {
      fails(await send(baseUrl, "GET", endpoint("silent")), 404, undefined, "endpoint not found")
      fails(await send(baseUrl, "GET", endpoint("none")), 404, undefined, "endpoint not found")
    }
  }),
  topic("incoming webhooks", {
    "answer with Extended JSON": async ({ baseUrl }) => {
      const { value } = succeeds(await send(baseUrl, "POST", `${hook}?secret=hook-secret`, { body: "hi" }))
      assert.deepEqual(value, { n: { $numberInt: "1" }, text: "hi" })
      fails(await send(baseUrl, "POST", hook, { body: "hi" }), 401, "IncomingWebhookAuthFailed", /secret/)
    }
  })
]
