/**
 * The one-way rule between the rooms of `src/`: each room and each entry point names what it may import, and nothing else
 * passes. Type-only imports count too. A room names only rooms that stand before it, so rooms cannot form a cycle. Cycles
 * between files are `import/no-cycle`'s, in the linter.
 */
import { globSync, readFileSync } from "node:fs"
import { dirname, join, normalize, resolve } from "node:path"

interface Room {
  /** A folder or a file. The first one that a file's path begins with is its room. */
  readonly path: string
  /** Whether only the files of the folder itself belong to the room, so that another folder in it has to be listed. */
  readonly flat?: boolean
  /** The rooms it may import, besides itself. */
  readonly ours: ReadonlyArray<string>
  /** The packages it may import; `node:` is every module of Node. */
  readonly theirs: ReadonlyArray<string>
}

const anywhere = ["effect", "bson"]
const onServer = [...anywhere, "node:"]
const onNode = [...onServer, "@effect/platform-node"]

const core = "src/core/"
const protocol = "src/protocol/"
const client = "src/client/"
const [language, storage, data, model, users, functions, api, directory] = [
  "src/server/language/",
  "src/server/storage/",
  "src/server/data/",
  "src/server/model/",
  "src/server/users/",
  "src/server/functions/",
  "src/server/api/",
  "src/server/directory/"
]
const [functionsShared, functionsContext, functionsProcess, functionsPool] = [
  "src/server/functions/shared/",
  "src/server/functions/context/",
  "src/server/functions/process/",
  "src/server/functions/pool/"
]
const triggers = "src/server/triggers/"
const wire = "src/server/wire/"
const mongodb = "src/server/mongodb/"
const server = "src/server/"
const node = "src/node/"
const jose = "src/server/model/internal/jose.ts"
const wasm = "src/server/users/hashes/wasm.ts"
const graphql = "src/server/graphql/"
const graphqlJs = "src/server/graphql/internal/graphqlJs.ts"
const decimalJs = "src/server/language/internal/decimalJs.ts"
const btree = "src/server/data/store/internal/btree.ts"
const jsonText = "src/server/directory/internal/jsonText.ts"
const acorn = "src/server/directory/internal/acorn.ts"
const archives = "src/cli/internal/archives.ts"
const manifest = "package.json"

/** The rooms, lowest first. */
export const rooms: ReadonlyArray<Room> = [
  { path: manifest, ours: [], theirs: [] },
  // small data structures that client and server share
  { path: core, ours: [], theirs: anywhere },
  { path: protocol, ours: [core], theirs: anywhere },
  { path: client, ours: [core, protocol], theirs: anywhere },
  // MongoDB's query and update language: pure, it knows neither Effect nor a server
  { path: decimalJs, ours: [], theirs: ["decimal.js"] },
  { path: language, ours: [decimalJs], theirs: ["bson"] },
  { path: storage, ours: [], theirs: onServer },
  { path: btree, ours: [], theirs: ["sorted-btree"] },
  { path: data, ours: [core, protocol, language, storage, btree], theirs: onServer },
  // what every room above speaks of: applications, the context of functions, errors by status
  { path: jose, ours: [], theirs: ["node:", "jose"] },
  { path: model, ours: [core, protocol, data, jose], theirs: onServer },
  // the program of a thread, of which the rest imports the types alone
  { path: wasm, ours: [], theirs: ["node:", "hash-wasm"] },
  {
    path: users,
    ours: [core, protocol, storage, data, model, jose, wasm],
    theirs: onServer
  },
  // what the server and the processes of functions have in common: messages, their encoding, errors
  { path: functionsShared, ours: [protocol, data, model], theirs: onServer },
  // what an exported function sees: `context`, services, `BSON`, `utils`
  { path: functionsContext, ours: [protocol, data, model, functionsShared], theirs: onServer },
  // the program of a process that runs functions
  { path: functionsProcess, ours: [core, protocol, data, functionsShared, functionsContext], theirs: onServer },
  // the server's end of these processes
  { path: functionsPool, ours: [core, protocol, model, functionsShared], theirs: onServer },
  {
    path: functions,
    ours: [core, protocol, data, model, users, functionsShared, functionsPool],
    theirs: onServer
  },
  // schemas of GraphQL, and requests to them
  { path: graphqlJs, ours: [], theirs: ["graphql", "dataloader", "inflection"] },
  { path: graphql, ours: [language, data, model, graphqlJs], theirs: onServer },
  // functions that run by themselves
  { path: triggers, ours: [storage, data, model, users, functions], theirs: onServer },
  {
    path: api,
    ours: [core, protocol, storage, data, model, users, functions, functionsShared, triggers, graphql],
    theirs: onServer
  },
  { path: jsonText, ours: [], theirs: ["jsonc-parser"] },
  { path: acorn, ours: [], theirs: ["acorn"] },
  {
    path: directory,
    ours: [core, protocol, data, model, functions, functionsShared, graphql, jsonText, acorn],
    theirs: onServer
  },
  // MongoDB's wire protocol, for MongoDB's own tools
  { path: wire, ours: [core, language, data, model], theirs: onServer },
  // the database over MongoDB's driver
  {
    path: mongodb,
    ours: [core, protocol, language, storage, data, model, users, triggers],
    theirs: [...onServer, "mongodb"]
  },
  // the server itself, which puts the rooms together
  {
    path: server,
    flat: true,
    ours: [core, protocol, storage, data, model, users, functions, triggers, api],
    theirs: onServer
  },
  // the SDK in browsers, and with promises
  { path: "src/web/", ours: [core, protocol, client], theirs: anywhere },
  { path: "src/promise/", ours: [protocol, client, "src/web/"], theirs: anywhere },
  { path: node, ours: [protocol, client, model, users, api, server], theirs: [...onNode, "nodemailer"] },
  { path: "src/testing/", ours: [protocol, client, server, model, data, users, api, directory], theirs: onServer },
  { path: archives, ours: [], theirs: [...onServer, "tar", "yauzl"] },
  {
    path: "src/cli/",
    ours: [
      manifest,
      archives,
      protocol,
      client,
      model,
      data,
      storage,
      users,
      triggers,
      api,
      directory,
      wire,
      mongodb,
      server,
      node
    ],
    theirs: onNode
  },
  // the page for people: of the server it imports types, which `scripts/page.ts` makes sure of
  { path: "src/page/", ours: [users, triggers, api], theirs: ["preact"] },
  { path: "src/index.ts", ours: [protocol, client], theirs: [] },
  { path: "src/browser.ts", ours: ["src/web/"], theirs: [] },
  { path: "src/mongodb.ts", ours: [mongodb], theirs: [] },
  { path: "src/node.ts", ours: [node], theirs: [] },
  { path: "src/promise.ts", ours: [protocol, "src/web/", "src/promise/"], theirs: ["bson"] },
  { path: "src/server.ts", ours: [protocol, data, model, users, api, directory, wire, server], theirs: [] },
  { path: "src/testing.ts", ours: ["src/testing/"], theirs: [] }
]

const roomOf = (path: string, order: ReadonlyArray<Room>): Room | undefined => {
  const room = order.find((room) => path.startsWith(room.path))
  return room?.flat === true && path.slice(room.path.length).includes("/") ? undefined : room
}

const statement =
  /^[ \t]*(?:import|export)\b(?:[^"'`;=()]*?\bfrom)?\s*["']([^"']+)["']|^(?![ \t]*\*).*\bimport\(\s*["']([^"']+)["']/gm

/**
 * What breaks the rule in files, given by path: the order of the rooms themselves, and what the files import.
 */
export const complaintsOf = (
  files: ReadonlyMap<string, string>,
  order: ReadonlyArray<Room> = rooms
): ReadonlyArray<string> => {
  const complaints: Array<string> = []
  order.forEach(({ ours, path }, at) => {
    for (const below of ours) {
      if (!order.slice(0, at).some((room) => room.path === below)) {
        complaints.push(`${path} may import ${below} only if scripts/rooms.ts lists that one before it`)
      }
    }
  })
  for (const [file, text] of files) {
    const room = roomOf(file, order)
    if (room === undefined) {
      complaints.push(`${file} is in no room: scripts/rooms.ts lists them`)
      continue
    }
    for (const match of text.matchAll(statement)) {
      const imported = match[1] ?? match[2] ?? ""
      const ours = imported.startsWith(".")
      const target = ours ? normalize(join(dirname(file), imported)) : imported
      const their = roomOf(target, order)?.path
      const allowed = ours
        ? their === room.path || (their !== undefined && room.ours.includes(their))
        : room.theirs.some((it) => target === it || target.startsWith(it.endsWith(":") ? it : `${it}/`))
      if (!allowed) {
        const line = text.slice(0, match.index).split("\n").length
        complaints.push(`${file}:${line} ${room.path} may not import ${target}`)
      }
    }
  }
  return complaints
}

if (import.meta.main) {
  const root = resolve(import.meta.dirname, "..")
  const files = globSync("src/**/*.{ts,tsx}", { cwd: root }).toSorted()
  const complaints = complaintsOf(new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")])))
  console.log(complaints.length === 0 ? `${files.length} files keep the one-way rule` : complaints.join("\n"))
  process.exitCode = complaints.length === 0 && files.length > 0 ? 0 : 1
}
