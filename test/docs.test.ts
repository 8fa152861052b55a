import { assert, describe, it } from "@effect/vitest"
import { Reason } from "effect-app-services/client/AppServicesError"
import { existsSync, globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { render } from "../scripts/errors.ts"
import { rooms } from "../scripts/rooms.ts"

const root = join(import.meta.dirname, "..")
const docs = join(root, "docs")

it("docs/errors.md is what npm run docs:errors writes", () => {
  assert.strictEqual(readFileSync(join(docs, "errors.md"), "utf8"), render())
})

it("docs/errors.md has every reason", () => {
  const text = render()
  for (const member of Reason.members) assert.include(text, `| \`${member.identifier}\` |`)
})

/** What the pages name in backticks. */
const namesIn = (page: string): ReadonlyArray<string> =>
  [...page.replaceAll(/^```[^]*?^```/gm, "").matchAll(/`([^`\s]+)`/g)].map(([, name = ""]) => name)

describe("paths that pages name", () => {
  const pages = ["README.md", "SECURITY.md", "CONTRIBUTING.md", ...globSync("docs/*.md", { cwd: root })]

  it.each(pages)("%s names files and folders that exist", (page) => {
    const paths = namesIn(readFileSync(join(root, page), "utf8")).filter((name) =>
      /^(?:src|test|scripts|bench|conformance|examples|docs)\/[^*]+$/.test(name)
    )
    for (const path of paths) {
      const candidates = [path, `${path}.ts`, `${path}.test.ts`]
      assert.isTrue(
        candidates.some((candidate) => existsSync(join(root, candidate))),
        `${page}: ${path}`
      )
    }
  })

  it("docs/architecture.md names modules that exist, and every room", () => {
    const names = namesIn(readFileSync(join(docs, "architecture.md"), "utf8"))
    const tops = new Set(rooms.map(({ path }) => path.split("/")[1] ?? ""))
    const modules = names.filter((name) => tops.has(name.split("/")[0] ?? "") && /^\w+\/[\w/]*$/.test(name))
    const folders = rooms.flatMap(({ path }) => (path.endsWith("/") ? [path.slice("src/".length)] : []))
    const missing = modules.filter((name) => !folders.includes(name) && !existsSync(join(root, "src", `${name}.ts`)))
    assert.deepStrictEqual(missing, [])
    assert.isAbove(modules.length, 30)
    assert.deepStrictEqual(
      folders.filter((folder) => folder !== "server/" && !names.includes(folder)),
      []
    )
  })

  it("SECURITY.md names tests that exist", () => {
    const [sdk = "", server = ""] = readFileSync(join(root, "SECURITY.md"), "utf8").split("\n## The embedded server\n")
    const missing = (text: string, folder: string) =>
      [...text.matchAll(/\((`[^()]*)\)/g)]
        .flatMap(([, group = ""]) => namesIn(group))
        .filter((name) => /^[\w-]+(?:\/[\w-]+)*(?:\.test\.ts)?$/.test(name))
        .map((name) => (name.startsWith("test/") ? name : `${folder}/${name}`).replace(/(?:\.test\.ts)?$/, ".test.ts"))
        .filter((path) => !existsSync(join(root, path)))
    assert.deepStrictEqual(missing(sdk, "test/client"), [])
    assert.deepStrictEqual(missing(server, "test/server"), [])
    assert.isAbove(server.split("(`").length, 20)
  })
})
