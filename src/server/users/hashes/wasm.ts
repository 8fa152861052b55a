/**
 * The program of a thread that computes one hash by bcrypt or Argon2: the only module that imports `hash-wasm`. Its memory is
 * freed with the thread.
 *
 * @internal
 */
import { argon2d, argon2i, argon2id, bcrypt } from "hash-wasm"
import { parentPort, workerData } from "node:worker_threads"

interface Salted {
  readonly salt: Uint8Array
  readonly hash: Uint8Array
}

/** What a thread computes: the hash of a password by the parameters and the salt of another one. */
export interface Task {
  readonly password: Uint8Array
  readonly parsed:
    | (Salted & { readonly kind: "bcrypt"; readonly cost: number })
    | (Salted & {
        readonly kind: "argon2"
        readonly variant: keyof typeof argon2
        readonly memory: number
        readonly passes: number
        readonly lanes: number
      })
}

const argon2 = { argon2d, argon2i, argon2id }

const run = ({ parsed, password }: Task): Promise<Uint8Array | string> =>
  parsed.kind === "bcrypt"
    ? bcrypt({ password, salt: parsed.salt, costFactor: parsed.cost, outputType: "encoded" })
    : argon2[parsed.variant]({
        password,
        salt: parsed.salt,
        memorySize: parsed.memory,
        iterations: parsed.passes,
        parallelism: parsed.lanes,
        hashLength: parsed.hash.length,
        outputType: "binary"
      })

const task: Task = workerData
const result = await run(task)
// the hash is the end of the encoded form
const hash = typeof result === "string" ? new TextEncoder().encode(result.slice(-31)) : result
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- the port of a thread has no origins
parentPort?.postMessage(hash)
