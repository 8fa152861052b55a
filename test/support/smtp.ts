/** An SMTP server, and its certificate. */
import { Effect } from "effect"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { SMTPServer, type SMTPServerOptions } from "smtp-server"
import { certify } from "./nginx.ts"

/** A certificate of localhost and 127.0.0.1, signed by itself. */
export const certificate = Effect.acquireUseRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "certificate-"))),
  (folder) =>
    Effect.sync(() => {
      const { certificate, key } = certify(folder)
      return { key: readFileSync(key, "utf8"), cert: readFileSync(certificate, "utf8") }
    }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

/** An e-mail as the server got it. */
export interface Received {
  readonly recipients: ReadonlyArray<string>
  readonly secure: boolean
  readonly user: string | undefined
  /** In the format of RFC 5322, with lines joined that were folded or quoted. */
  readonly text: string
}

/** A server until the scope closes. `answer` may refuse an e-mail with a code. */
export const smtpServer = (
  answer: (count: number) => readonly [code: number, text: string] | undefined = () => undefined,
  options: SMTPServerOptions & { readonly port?: number } = {}
) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const received: Array<Received> = []
      let asked = 0
      const { port = 0, ...others } = options
      const server = new SMTPServer({
        authOptional: true,
        disabledCommands: options.key === undefined ? ["STARTTLS"] : [],
        onData: (stream, session, done) => {
          const chunks: Array<Buffer> = []
          stream.on("data", (chunk: Buffer) => chunks.push(chunk))
          stream.on("end", () => {
            const refused = answer(asked++)
            if (refused !== undefined) return done(Object.assign(new Error(refused[1]), { responseCode: refused[0] }))
            received.push({
              recipients: session.envelope.rcptTo.map(({ address }) => address),
              secure: session.secure,
              user: session.user,
              text: Buffer.concat(chunks).toString().replaceAll("=\r\n", "").replaceAll("=3D", "=")
            })
            done()
          })
        },
        ...others
      })
      // clients that do not trust the certificate
      server.on("error", () => {})
      server.listen(port, "127.0.0.1")
      await once(server.server, "listening")
      return { port: (server.server.address() as AddressInfo).port, received, asked: () => asked, server }
    }),
    ({ server }) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
      })
  )
