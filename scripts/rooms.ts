/**
 * The one-way rule between the rooms of `src/`: each room and each door names what it may import, and nothing else
 * passes. Type-only imports count too. Cycles between files are `import/no-cycle`'s, in the linter.
 */
import { globSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"

const anywhere = ["effect", "bson"]
const onNode = [...anywhere, "node:", "@effect/platform-node"]

const rooms: Record<string, { readonly ours: ReadonlyArray<string>; readonly theirs: ReadonlyArray<string> }> = {
  "src/protocol/": { ours: [], theirs: anywhere },
  "src/client/": { ours: ["src/protocol/"], theirs: anywhere },
  "src/server/users/internal/jose.ts": { ours: [], theirs: ["node:", "jose"] },
  "src/server/data/internal/mingo.ts": { ours: [], theirs: ["mingo"] },
  "src/server/": { ours: ["src/protocol/"], theirs: [...anywhere, "node:"] },
  "src/node/": { ours: ["src/server/", "src/client/", "src/protocol/"], theirs: onNode },
  "src/testing/": { ours: ["src/server/", "src/client/", "src/protocol/"], theirs: [...anywhere, "node:"] },
  "src/cli/": { ours: ["src/node/", "src/server/", "src/client/", "src/protocol/", "package.json"], theirs: onNode },
  "src/index.ts": { ours: ["src/client/", "src/protocol/"], theirs: [] },
  "src/node.ts": { ours: ["src/node/"], theirs: [] },
  "src/server.ts": { ours: ["src/server/", "src/protocol/"], theirs: [] },
  "src/testing.ts": { ours: ["src/testing/"], theirs: [] }
}

const root = resolve(import.meta.dirname, "..")
const statement =
  /^[ \t]*(?:import|export)\b(?:[^"'`;=()]*?\bfrom)?\s*["']([^"']+)["']|^(?![ \t]*\*).*\bimport\(\s*["']([^"']+)["']/gm
const files = globSync("src/**/*.ts", { cwd: root }).toSorted()
const complaints: Array<string> = []

for (const file of files) {
  const name = Object.keys(rooms).find((room) => file.startsWith(room))
  const room = name === undefined ? undefined : rooms[name]
  if (name === undefined || room === undefined) {
    complaints.push(`${file} is in no room: scripts/rooms.ts lists them`)
    continue
  }
  const text = readFileSync(join(root, file), "utf8")
  for (const match of text.matchAll(statement)) {
    const imported = match[1] ?? match[2] ?? ""
    const ours = imported.startsWith(".")
    const target = ours ? relative(root, resolve(root, dirname(file), imported)) : imported
    const allowed = ours
      ? [name, ...room.ours].some((prefix) => target.startsWith(prefix))
      : room.theirs.some((it) => target === it || target.startsWith(it.endsWith(":") ? it : `${it}/`))
    if (!allowed) {
      const line = text.slice(0, match.index).split("\n").length
      complaints.push(`${file}:${line} ${name} may not import ${target}`)
    }
  }
}

console.log(complaints.length === 0 ? `${files.length} files keep the one-way rule` : complaints.join("\n"))
process.exitCode = complaints.length === 0 && files.length > 0 ? 0 : 1
