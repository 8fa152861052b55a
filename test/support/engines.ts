/** Redis and PostgreSQL from the machine's packages, started on loopback ports of their own in temporary folders. */
import { spawn, spawnSync } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { chmodSync, existsSync, globSync, mkdtempSync, rmSync, writeFileSync, chownSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"

/** A running engine. */
export interface Engine {
  readonly port: number
  /** To the engine and the processes it has started. */
  readonly signal: (signal: NodeJS.Signals) => void
  readonly url: string
  /** Cuts the connections of all clients. */
  readonly cut: () => Promise<void>
  /** Stops it at once, as a crash does, and starts it again on the same port over the same files. */
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<void>
}

const found = (name: string, ...places: ReadonlyArray<string>): string | undefined =>
  [...(process.env["PATH"] ?? "").split(delimiter), ...places].map((place) => join(place, name)).find(existsSync)

const redisBinary = found("redis-server") ?? found("valkey-server")
const postgresPlaces = globSync("/usr/lib/postgresql/*/bin").toSorted().toReversed()
const [postgresBinary, initdb] = [found("postgres", ...postgresPlaces), found("initdb", ...postgresPlaces)]

/** What is missing on this machine; empty where the engine can be started. */
export const missing = {
  redis: redisBinary === undefined ? "redis-server is not installed" : "",
  postgres: postgresBinary === undefined || initdb === undefined ? "postgresql is not installed" : ""
}

const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject()))
    })
  })

/** PostgreSQL refuses to run as root. */
const ordinary = (): { uid: number; gid: number } | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string) =>
    ["postgres", "nobody"]
      .map((user) => spawnSync("id", [flag, user], { encoding: "utf8" }))
      .find(({ status }) => status === 0)?.stdout
  return { uid: Number(id("-u")), gid: Number(id("-g")) }
}

const childrenOf = ({ pid }: ChildProcess): ReadonlyArray<number> =>
  spawnSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" })
    .stdout.split("\n")
    .map(Number)
    .filter((pid) => pid > 0)

const start = async (options: {
  readonly url: (port: number) => string
  readonly folder: string
  readonly spawn: (port: number) => ChildProcess
  readonly isReady: (port: number) => boolean
  readonly cut: (port: number, children: ReadonlyArray<number>) => void
}): Promise<Engine> => {
  const port = await freePort()
  let child: ChildProcess
  let output = ""
  const up = async () => {
    child = options.spawn(port)
    child.stdout?.on("data", (text) => (output += text))
    child.stderr?.on("data", (text) => (output += text))
    const deadline = Date.now() + 30_000
    while (!options.isReady(port)) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`the engine did not start:\n${output}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  const down = (signal: NodeJS.Signals) =>
    new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve()
      child.once("exit", () => resolve())
      child.kill("SIGCONT")
      child.kill(signal)
    })
  await up()
  return {
    port,
    signal: (signal) => {
      for (const pid of [child.pid!, ...childrenOf(child)]) process.kill(pid, signal)
    },
    cut: async () => options.cut(port, childrenOf(child)),
    url: options.url(port),
    restart: async () => {
      await down("SIGKILL")
      await up()
    },
    stop: async () => {
      await down("SIGQUIT")
      await down("SIGKILL")
      rmSync(options.folder, { recursive: true, force: true })
    }
  }
}

const answers = (port: number, bytes: string, expected: RegExp): boolean => {
  const script = `const s=require("node:net").connect(${port},"127.0.0.1",()=>s.write(Buffer.from("${bytes}","hex")));
    s.once("data",(d)=>{console.log(d.toString());process.exit()});s.once("error",()=>process.exit());s.once("close",()=>process.exit())`
  return expected.test(spawnSync(process.execPath, ["-e", script], { encoding: "utf8", timeout: 5_000 }).stdout)
}

export const startRedis = (): Promise<Engine> => {
  const folder = mkdtempSync(join(tmpdir(), "redis-"))
  return start({
    folder,
    url: (port) => `redis://127.0.0.1:${port}`,
    spawn: (port) =>
      spawn(
        redisBinary!,
        `--port ${port} --bind 127.0.0.1 --dir ${folder} --save  --appendonly yes --appendfsync always`.split(" ")
      ),
    isReady: (port) => answers(port, Buffer.from("PING\r\n").toString("hex"), /PONG/),
    cut: (port) => {
      for (const type of ["normal", "pubsub"])
        answers(port, Buffer.from(`CLIENT KILL TYPE ${type}\r\n`).toString("hex"), /:/)
    }
  })
}

export const startPostgres = (): Promise<Engine> => {
  const user = ordinary()
  const folder = mkdtempSync(join(tmpdir(), "postgres-"))
  const data = join(folder, "data")
  chmodSync(folder, 0o755)
  const password = join(folder, "password")
  writeFileSync(password, "secret")
  if (user !== undefined) for (const path of [folder, password]) chownSync(path, user.uid, user.gid)
  const made = spawnSync(
    initdb!,
    ["-D", data, "-U", "tester", "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--no-locale", "--no-sync"],
    { ...user, cwd: folder, encoding: "utf8" }
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`)
  return start({
    folder,
    url: (port) => `postgres://tester:secret@127.0.0.1:${port}/postgres`,
    spawn: (port) =>
      spawn(
        postgresBinary!,
        ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", "", "-c", "max_connections=200", "-c", "fsync=off"],
        { ...user, cwd: folder }
      ),
    // a request for encryption is answered by one letter as soon as the server listens, a login only when it is up
    // the process of a connection has its user in its title
    cut: (_, children) => {
      for (const pid of children) {
        const { stdout } = spawnSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" })
        if (stdout.includes("tester")) process.kill(pid, "SIGTERM")
      }
    },
    isReady: (port) =>
      answers(port, Buffer.from("\0\0\0\x20\0\x03\0\0user\0tester\0database\0x\0\0", "latin1").toString("hex"), /^R/)
  })
}
