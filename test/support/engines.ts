/** Redis and PostgreSQL from the machine's packages, started on loopback ports of their own in temporary folders. */
import { spawn, spawnSync } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { chmodSync, existsSync, globSync, mkdtempSync, rmSync, writeFileSync, chownSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"

/** A running engine. */
export interface Engine {
  readonly port: number
  /** Sends a signal to the engine and its child processes. */
  readonly signal: (signal: NodeJS.Signals) => void
  readonly url: string
  /** Cuts the connections of all clients. */
  readonly cut: () => Promise<void>
  /** Kills it, and starts it again on the same port over the same files. */
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** The path of a program of this machine. */
export const found = (name: string, ...places: ReadonlyArray<string>): string | undefined =>
  [...(process.env["PATH"] ?? "").split(delimiter), ...places].map((place) => join(place, name)).find(existsSync)

const redisBinary = found("redis-server") ?? found("valkey-server")
const postgresPlaces = globSync("/usr/lib/postgresql/*/bin").toSorted().toReversed()
const [postgresBinary, initdb] = [found("postgres", ...postgresPlaces), found("initdb", ...postgresPlaces)]

/** What is missing on this machine; empty if the engine can be started. */
export const missing = {
  redis: redisBinary === undefined ? "redis-server is not installed" : "",
  postgres: postgresBinary === undefined || initdb === undefined ? "postgresql is not installed" : ""
}

/** A port of the loopback address that nothing listens on. */
export const freePort = () =>
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

const childrenOf = ({ pid }: ChildProcess): ReadonlyArray<{ readonly pid: number; readonly args: string }> =>
  spawnSync("ps", ["-o", "pid=,args=", "--ppid", String(pid)], { encoding: "utf8" })
    .stdout.split("\n")
    .map((line) => ({ pid: Number.parseInt(line, 10), args: line }))
    .filter(({ pid }) => pid > 0)

/** Ignores a process that has ended meanwhile. */
const signalTo = (pid: number, signal: NodeJS.Signals) => {
  try {
    process.kill(pid, signal)
  } catch {}
}

const start = async (options: {
  readonly url: (port: number) => string
  readonly folder: string
  readonly spawn: (port: number) => ChildProcess
  readonly isReady: (port: number) => Promise<boolean>
  readonly cut: (port: number, child: ChildProcess) => Promise<void>
}): Promise<Engine> => {
  const port = await freePort()
  let child: ChildProcess
  let output = ""
  const spawnIt = () => {
    child = options.spawn(port)
    child.stdout?.on("data", (text) => (output += text))
    child.stderr?.on("data", (text) => (output += text))
  }
  const up = async () => {
    spawnIt()
    const deadline = Date.now() + 30_000
    while (!(await options.isReady(port))) {
      if (Date.now() > deadline) throw new Error(`the engine did not start:\n${output}`)
      // the processes of a killed engine may hold its files for a moment
      if (child.exitCode !== null) {
        if (!output.includes("in use") && !output.includes("lock file")) throw new Error(`the engine ended:\n${output}`)
        output = ""
        spawnIt()
      }
      await new Promise((resolve) => setTimeout(resolve, 25))
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
      for (const { pid } of [{ pid: child.pid! }, ...childrenOf(child)]) signalTo(pid, signal)
    },
    cut: () => options.cut(port, child),
    url: options.url(port),
    restart: async () => {
      const children = childrenOf(child)
      const ended = down("SIGKILL")
      for (const { pid } of children) signalTo(pid, "SIGKILL")
      await ended
      await up()
    },
    stop: async () => {
      await down("SIGQUIT")
      await down("SIGKILL")
      rmSync(options.folder, { recursive: true, force: true })
    }
  }
}

/** Whether the engine's first answer to some bytes is as expected. */
const answers = (port: number, bytes: string, expected: RegExp): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(Buffer.from(bytes, "latin1")))
    const end = (answer: boolean) => {
      resolve(answer)
      socket.destroy()
    }
    socket.setTimeout(5_000, () => end(false))
    socket.once("data", (said) => end(expected.test(said.toString("latin1"))))
    socket.once("error", () => end(false))
    socket.once("close", () => end(false))
  })

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
    isReady: (port) => answers(port, "PING\r\n", /PONG/),
    cut: async (port) => {
      for (const type of ["normal", "pubsub"]) await answers(port, `CLIENT KILL TYPE ${type}\r\n`, /:/)
    }
  })
}

export const startPostgres = async (): Promise<Engine> => {
  const user = ordinary()
  const folder = mkdtempSync(join(tmpdir(), "postgres-"))
  const data = join(folder, "data")
  chmodSync(folder, 0o755)
  const password = join(folder, "password")
  writeFileSync(password, "secret")
  if (user !== undefined) for (const path of [folder, password]) chownSync(path, user.uid, user.gid)
  const making = spawn(
    initdb!,
    ["-D", data, "-U", "tester", "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--no-locale", "--no-sync"],
    { ...user, cwd: folder, stdio: ["ignore", "ignore", "pipe"] }
  )
  let said = ""
  making.stderr.on("data", (text) => (said += text))
  const status = await new Promise((resolve) => making.once("close", resolve))
  if (status !== 0) throw new Error(`initdb failed: ${said}`)
  return start({
    folder,
    url: (port) => `postgres://tester:secret@127.0.0.1:${port}/postgres`,
    spawn: (port) =>
      spawn(
        postgresBinary!,
        ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", "", "-c", "max_connections=200", "-c", "fsync=off"],
        { ...user, cwd: folder }
      ),
    // the process of a connection has its user in its title
    cut: async (_, child) => {
      for (const { args, pid } of childrenOf(child)) if (args.includes("tester")) signalTo(pid, "SIGTERM")
    },
    // an encryption request is answered as soon as the server listens, a login only when it is ready
    isReady: (port) => answers(port, "\0\0\0\x20\0\x03\0\0user\0tester\0database\0x\0\0", /^R/)
  })
}
