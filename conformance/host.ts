/** Starts `effect-app-services serve` in a process of its own, with several exported applications. */
import { type ChildProcess, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { type Issuer, startIssuer } from "../test/support/issuer.ts"

interface Mail {
  readonly app: string
  readonly to: string
  readonly kind: string
  readonly token: string
  readonly tokenId: string
  readonly url?: string
}

export interface Host {
  readonly baseUrl: string
  /** What stands in for Google, Facebook and Apple. Its state is shared: the cases that change it are one topic. */
  readonly issuer: Issuer
  /** The next unread e-mail to an address. */
  readonly mail: (to: string) => Promise<Mail>
}

const applications = ["main", "mail", "asked", "bare", "accounts"].map((name) =>
  join(import.meta.dirname, "apps", name)
)

const adminToken = randomBytes(32).toString("hex")

/** Starts the server; `stop` ends it. */
export const start = async (): Promise<Host & { readonly stop: () => Promise<void> }> => {
  const command = join(import.meta.dirname, "../dist/bin.js")
  const flags = ["--port", "0", "--json", "--password-hashing", "testing"]
  const issuer = await startIssuer()
  const issuers = Object.entries(issuer.urls).flatMap(([name, url]) => ["--oauth-issuer", `${name}=${url}`])
  const child = spawn(process.execPath, [command, "serve", ...applications, ...flags, ...issuers], {
    env: { ...process.env, APP_SERVICES_ADMIN_TOKEN: adminToken },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let said = ""
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()))
  const baseUrl = await new Promise<string>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the server ended with code ${code}: ${said}`)))
    createInterface(child.stdout).once("line", (line) => {
      const ready: { readonly baseUrl: string } = JSON.parse(line)
      resolve(ready.baseUrl)
    })
  })
  const lastRead = new Map<string, string>()
  const next = async (to: string): Promise<Mail> => {
    const query = new URLSearchParams({ to, wait: "30", after: lastRead.get(to) ?? "" })
    const answer = await fetch(`${baseUrl}/_admin/inbox?${query.toString()}`, {
      headers: { authorization: `Bearer ${adminToken}` }
    })
    if (!answer.ok) throw new Error(`the inbox answered ${answer.status}: ${await answer.text()}`)
    const [mail]: ReadonlyArray<Mail> = JSON.parse(await answer.text())
    if (mail === undefined) return next(to)
    lastRead.set(to, mail.tokenId)
    return mail
  }
  return {
    baseUrl,
    issuer,
    mail: next,
    stop: async () => {
      await end(child)
      await issuer.stop()
    }
  }
}

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null) return
  const exit = once(child, "exit")
  child.kill("SIGTERM")
  await exit
}
