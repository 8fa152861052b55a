/** nginx from the machine's packages with TLS, started on loopback ports of its own in a temporary folder. */
import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { request as httpsRequest } from "node:https"
import { connect } from "node:net"
import type { IncomingHttpHeaders, IncomingMessage } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { found, freePort } from "./engines.ts"

/** What a site is written with: its ports, its certificate, and a folder for its logs. */
export interface Place {
  readonly httpsPort: number
  readonly httpPort: number
  /** Paths of files in PEM. */
  readonly certificate: string
  readonly key: string
  readonly folder: string
}

/** A running nginx. */
export interface Nginx extends Place {
  /** The URL of its site with TLS, by the name in the certificate. */
  readonly origin: string
  /** The certificate, which clients have to trust. */
  readonly ca: string
  /** What a log in the folder says. */
  readonly log: (name: string) => string
  /** Changes the site; requests under way end as they began. */
  readonly reload: (siteOf: (place: Place) => string) => Effect.Effect<void>
}

const missing = (name: string): never => {
  throw new Error(`${name} is missing: apt-get install nginx-light openssl`)
}

/** A certificate for `localhost` and 127.0.0.1, signed by itself. */
export const certify = (folder: string) => {
  const [certificate, key] = [join(folder, "certificate.pem"), join(folder, "key.pem")]
  const options =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost " +
    "-addext subjectAltName=DNS:localhost,IP:127.0.0.1"
  const made = spawnSync(
    found("openssl") ?? missing("openssl"),
    [...options.split(" "), "-keyout", key, "-out", certificate],
    { encoding: "utf8" }
  )
  if (made.status !== 0) throw new Error(`openssl failed: ${made.stderr}`)
  return { certificate, key }
}

const wrapped = (folder: string, site: string): string => `
${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log notice;
events { worker_connections 256; }
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((it) => `${it}_temp_path ${folder}/${it};`).join("\n  ")}
${site}
}
`

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })

const start = async (siteOf: (place: Place) => string): Promise<Nginx & { readonly stop: () => Promise<void> }> => {
  const nginx = found("nginx", "/usr/sbin", "/usr/local/sbin") ?? missing("nginx")
  const folder = mkdtempSync(join(tmpdir(), "nginx-"))
  chmodSync(folder, 0o755)
  const place: Place = { ...certify(folder), folder, httpsPort: await freePort(), httpPort: await freePort() }
  const file = join(folder, "nginx.conf")
  writeFileSync(file, wrapped(folder, siteOf(place)))
  const child = spawn(nginx, ["-p", folder, "-c", file, "-e", join(folder, "error.log")], {
    stdio: ["ignore", "ignore", "pipe"]
  })
  let said = ""
  child.stderr.on("data", (text: Buffer) => (said += text.toString()))
  const log = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "")
  while (!(await isListening(place.httpsPort))) {
    if (child.exitCode !== null) throw new Error(`nginx ended:\n${said}${log("error.log")}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return {
    ...place,
    origin: `https://localhost:${place.httpsPort}`,
    ca: readFileSync(place.certificate, "utf8"),
    log,
    reload: (siteOf) =>
      Effect.promise(async () => {
        const exits = () => log("error.log").split("exited with code 0").length
        const before = exits()
        writeFileSync(file, wrapped(folder, siteOf(place)))
        child.kill("SIGHUP")
        while (exits() === before) await new Promise((resolve) => setTimeout(resolve, 10))
      }),
    stop: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve))
      if (child.exitCode === null && child.kill("SIGTERM")) await ended
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

/** nginx with a site, the content of its block `http`, until the scope closes. */
export const nginx = (siteOf: (place: Place) => string) =>
  Effect.acquireRelease(
    Effect.promise(() => start(siteOf)),
    ({ stop }) => Effect.promise(stop)
  )

/** The example's site of nginx: in the ports and folders of a test, in front of servers on these ports. */
export const exampleSite =
  (text: string, ...ports: ReadonlyArray<number>) =>
  ({ certificate, folder, httpPort, httpsPort, key }: Place): string =>
    text
      .replaceAll(/^ +listen 443 /gm, `  listen 127.0.0.1:${httpsPort} `)
      .replaceAll(/^ +listen 80;/gm, `  listen 127.0.0.1:${httpPort};`)
      .replaceAll(/^ +server_name .*;/gm, "  server_name localhost;")
      .replace(/(?:^ +server 127\.0\.0\.1:\d+.*;\n)+/m, ports.map((port) => `  server 127.0.0.1:${port};\n`).join(""))
      .replaceAll(/^ +ssl_certificate .*;/gm, `  ssl_certificate ${certificate};`)
      .replaceAll(/^ +ssl_certificate_key .*;/gm, `  ssl_certificate_key ${key};`)
      .replaceAll("/var/log/nginx/", `${folder}/`)

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** The response to a request by TLS, whose body is not read yet. */
export const open = ({ ca, origin }: Nginx, path: string, { body, headers, method = "GET" }: Asked = {}) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpsRequest(new URL(path, origin), { ca, method, headers: { ...headers }, agent: false }, resolve)
    request.once("error", reject)
    request.end(body)
  })

/** A request by TLS, and its whole answer. */
export const ask = (nginx: Nginx, path: string, asked?: Asked) =>
  Effect.promise(async () => {
    const response = await open(nginx, path, asked)
    const chunks: Array<Buffer> = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    const headers: IncomingHttpHeaders = response.headers
    return { status: response.statusCode ?? 0, headers, text: Buffer.concat(chunks).toString() }
  })
