/**
 * Computes hashes of passwords, off the event loop: scrypt and PBKDF2 on Node's own threads, bcrypt and Argon2 on a thread that
 * is started for one of them. They are rare: a login replaces them.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { createCipheriv, hash as digest, pbkdf2, scrypt } from "node:crypto"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import type { Firebase, Parsed, Pbkdf2, ScryptCost } from "./forms.ts"
import type { Task } from "./wasm.ts"

type Bytes = Effect.Effect<Uint8Array>

/** The hash of a password by the parameters and the salt of another one, and of its length. */
export const derive = (password: string, parsed: Parsed): Bytes => {
  switch (parsed.kind) {
    case "scrypt":
      return byScrypt(
        parsed.version === 1 ? password : digest("sha512", password, "buffer"),
        parsed,
        parsed.hash.length
      )
    case "firebase":
      return byFirebase(password, parsed)
    case "pbkdf2":
      return byPbkdf2(password, parsed)
    case "bcrypt":
      // bcrypt reads no more than 72 bytes
      return onThread({ parsed, password: new TextEncoder().encode(password).subarray(0, 72) })
    case "argon2":
      return onThread({ parsed, password: new TextEncoder().encode(password) })
  }
}

/** scrypt needs `128 * N * r` bytes, and Node requires a limit above that. */
const byScrypt = (
  password: string | Uint8Array,
  { cost: { logN, p, r }, salt }: { readonly cost: ScryptCost; readonly salt: Uint8Array },
  length: number
): Bytes =>
  Effect.callback<Uint8Array>((resume) => {
    const N = 2 ** logN
    scrypt(password, salt, length, { N, r, p, maxmem: 256 * N * r }, (error, hash) => {
      resume(error === null ? Effect.succeed(hash) : Effect.die(error))
    })
  })

/** The key of the project, encrypted with the result of scrypt by AES-256 in counter mode from zero. */
const byFirebase = (password: string, parsed: Firebase): Bytes =>
  Effect.map(byScrypt(password, parsed, 64), (key) => {
    const cipher = createCipheriv("aes-256-ctr", key.subarray(0, 32), new Uint8Array(16))
    return Buffer.concat([cipher.update(parsed.signerKey), cipher.final()])
  })

const byPbkdf2 = (password: string, { digest, hash, iterations, salt }: Pbkdf2): Bytes =>
  Effect.callback<Uint8Array>((resume) => {
    pbkdf2(password, salt, iterations, hash.length, digest, (error, derived) => {
      resume(error === null ? Effect.succeed(derived) : Effect.die(error))
    })
  })

/** The program of the thread: in the package or, for the command, which is one bundle at the top of `dist/`, below it. */
const program = (): URL => {
  if (import.meta.url.endsWith(".ts")) return new URL("./wasm.ts", import.meta.url)
  const beside = new URL("./wasm.js", import.meta.url)
  return existsSync(fileURLToPath(beside)) ? beside : new URL("./server/users/hashes/wasm.js", import.meta.url)
}

const onThread = (task: Task): Bytes =>
  Effect.callback<Uint8Array>((resume) => {
    const worker = new Worker(program(), { workerData: task, env: {}, execArgv: [] })
    worker.once("message", (hash: Uint8Array) => resume(Effect.succeed(hash)))
    worker.once("error", (error) => resume(Effect.die(error)))
    return Effect.promise(() => worker.terminate())
  })
