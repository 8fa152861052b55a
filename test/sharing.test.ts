/** The example of `docs/sharing-sessions.md` prints what the page says, on each engine. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import type { Engine } from "./support/engines.ts"
import { engines } from "./support/sharedRecords.ts"

const root = join(import.meta.dirname, "..")
const page = readFileSync(join(root, "docs/sharing-sessions.md"), "utf8")

for (const { missing, name, start } of Object.values(engines)) {
  describe.skipIf(missing !== "")(name, () => {
    let engine: Engine
    beforeAll(async () => {
      engine = await start()
    })
    afterAll(() => engine?.stop())

    it("two instances of a backend behind a round robin, as the guide prints it", async () => {
      const [, command = "", printed] = /```\n\$ .*&& node (\S+) redis:\S+\n([^]*?)```/.exec(page) ?? []
      assert.match(command, /^examples\//)
      const { stderr, stdout } = await promisify(execFile)(process.execPath, [join(root, command), engine.url], {
        env: { ...process.env, NODE_OPTIONS: `--import ${join(import.meta.dirname, "support/fromSource.ts")}` }
      })
      assert.strictEqual(stdout, printed, stderr)
    })
  })
}
