import { assert, it } from "@effect/vitest"
import { Reason } from "effect-app-services/client/AppServicesError"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { render } from "../scripts/errors.ts"

const docs = join(import.meta.dirname, "../docs")

it("docs/errors.md is what the code says: npm run docs:errors makes it anew", () => {
  assert.strictEqual(readFileSync(join(docs, "errors.md"), "utf8"), render())
})

it("every reason is in it", () => {
  const text = render()
  for (const member of Reason.members) assert.include(text, `| \`${member.identifier}\` |`)
})
