/** Cases by topic, and their runner. */
import type { Host } from "./host.ts"

type Check = (host: Host) => Promise<unknown>

/** Cases on one section of the reference; they run in sequence, concurrently with those of other topics. */
export interface Topic {
  readonly name: string
  readonly cases: Readonly<Record<string, Check>>
}

export const topic = (name: string, cases: Topic["cases"]): Topic => ({ name, cases })

export interface Outcome {
  readonly lines: ReadonlyArray<string>
  readonly passed: number
  readonly failed: number
}

/** The time limit of a case, for a client that never gets its answer or never stops asking. */
const limitMillis = 120_000

const within = async (check: Check, host: Host): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${limitMillis / 1000} seconds`)), limitMillis)
  })
  try {
    await Promise.race([check(host), late])
  } finally {
    clearTimeout(timer)
  }
}

export const run = async ({ cases, name: about }: Topic, host: Host): Promise<Outcome> => {
  const lines: Array<string> = []
  let failed = 0
  for (const [name, check] of Object.entries(cases)) {
    try {
      await within(check, host)
      lines.push(`ok    ${about}: ${name}`)
    } catch (error) {
      failed++
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      lines.push(`FAIL  ${about}: ${name}`, text.replaceAll(/^/gm, "        "))
    }
  }
  return { lines, failed, passed: Object.keys(cases).length - failed }
}
