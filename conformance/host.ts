/** Starts `effect-app-services serve` in a process of its own, with several exported applications. */
import { type ChildProcess, spawn } from "node:child_process"
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

/** Starts the server; `stop` ends it. */
export const start = async (): Promise<Host & { readonly stop: () => Promise<void> }> => {
  const command = join(import.meta.dirname, "../dist/bin.js")
  const flags = ["--port", "0", "--json", "--password-hashing", "testing"]
  const issuer = await startIssuer()
  const issuers = Object.entries(issuer.urls).flatMap(([name, url]) => ["--oauth-issuer", `${name}=${url}`])
  const child = spawn(process.execPath, [command, "serve", ...applications, ...flags, ...issuers], {
    stdio: ["ignore", "pipe", "pipe"]
  })
  let said = ""
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()))
  const mails: Array<Mail> = []
  const waiting = new Set<() => void>()
  const baseUrl = await new Promise<string>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the server ended with code ${code}: ${said}`)))
    createInterface(child.stdout).on("line", (line) => {
      const event: { readonly event: "ready"; readonly baseUrl: string } | ({ readonly event: "mail" } & Mail) =
        JSON.parse(line)
      if (event.event === "ready") return resolve(event.baseUrl)
      mails.push(event)
      for (const look of waiting) look()
    })
  })
  return {
    baseUrl,
    issuer,
    mail: (to) =>
      new Promise((resolve) => {
        const look = () => {
          const index = mails.findIndex((mail) => mail.to === to)
          if (index === -1) return
          waiting.delete(look)
          for (const mail of mails.splice(index, 1)) resolve(mail)
        }
        waiting.add(look)
        look()
      }),
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
