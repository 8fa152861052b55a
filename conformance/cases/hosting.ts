/** Static files. */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"

const get = async (baseUrl: string, path: string) => {
  const response = await fetch(new URL(path, baseUrl), { redirect: "manual" })
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() }
}

export default [
  topic("static hosting", {
    "serves files and the pages of folders": async ({ baseUrl }) => {
      const type = "text/html; charset=utf-8"
      assert.deepEqual(await get(baseUrl, "/"), { status: 200, type, text: "<h1>conform</h1>\n" })
      assert.deepEqual(await get(baseUrl, "/about/"), { status: 200, type, text: "<h1>about</h1>\n" })
      const { status, type: script } = await get(baseUrl, "/app.js")
      assert.deepEqual([status, script], [200, "application/x-javascript"])
    },
    "serves nothing else": async ({ baseUrl }) => {
      for (const path of ["/none.html", "/%2e%2e/realm_config.json", "/..%2frealm_config.json"]) {
        assert.equal((await get(baseUrl, path)).status, 404)
      }
    }
  })
]
