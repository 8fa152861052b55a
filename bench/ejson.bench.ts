/** Encoding and decoding Extended JSON, beside `bson`, by the size of the document: CPU, and peak memory. */
import { spawnSync } from "node:child_process"
import { compare, rounds, row, short } from "./measure.ts"
import { EJSON, Long, ObjectId } from "bson"
import { Result } from "effect"
import { Ejson } from "effect-app-services"

/** An order of about 1 KB of canonical Extended JSON, with the types of real documents. */
const order = (n: number) => ({
  _id: new ObjectId(n.toString(16).padStart(24, "0")),
  customer: `customer ${n}`,
  placedAt: new Date(1_700_000_000_000 + n),
  total: n + 0.5,
  views: Long.fromString("9007199254740993"),
  paid: n % 2 === 0,
  note: null,
  lines: Array.from({ length: 6 }, (_, i) => ({
    sku: `sku-${i}`,
    name: "a thing to buy",
    quantity: i + 1,
    price: 9.99
  })),
  address: { street: "1 Main Street", city: "Springfield", postcode: "12345", country: "US" }
})

const sizes = { "1 KB": 1, "100 KB": 100, "10 MB": 10_000 }

const document = (orders: number) => ({ orders: Array.from({ length: orders }, (_, n) => order(n)) })

const options = { relaxed: false, ignoreUndefined: true }
const codecs = {
  here: {
    stringify: (value: unknown) => Result.getOrThrow(Ejson.stringify(value)),
    parse: (text: string) => Result.getOrThrow(Ejson.parse(text))
  },
  // options that keep 64-bit integers, as the SDK does
  "bson's own": {
    stringify: (value: unknown) => EJSON.stringify(value, options),
    parse: (text: string): unknown => EJSON.parse(text, { relaxed: true, useBigInt64: false })
  }
}

const time = (work: () => unknown, times: number) => async () => {
  const start = process.cpuUsage()
  for (let i = 0; i < times; i++) work()
  const { system, user } = process.cpuUsage(start)
  return (user + system) / times
}

/** Peak memory of one conversion in a fresh process, beyond what it had before, in megabytes. */
const peak = (codec: string, way: string, orders: number): number => {
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    [import.meta.filename, "peak", codec, way, String(orders)],
    { encoding: "utf8" }
  )
  if (status !== 0) throw new Error(stderr)
  return Number(stdout)
}

const [, , command, codec, way, orders] = process.argv
if (command === "peak") {
  const { parse, stringify } = codecs[codec === "here" ? "here" : "bson's own"]
  const value = document(Number(orders))
  const text = codecs["bson's own"].stringify(value)
  stringify(order(1))
  parse(codecs["bson's own"].stringify(order(1)))
  const before = process.resourceUsage().maxRSS
  const kept: unknown = way === "out" ? stringify(value) : parse(text)
  if (kept === undefined) throw new Error("nothing was made")
  console.log((process.resourceUsage().maxRSS - before) / 1024)
}

export default async () => {
  const rows: Array<Record<string, string>> = []
  for (const [size, orders] of Object.entries(short ? { "1 KB": 1, "100 KB": 100 } : sizes)) {
    const value = document(orders)
    const text = codecs["bson's own"].stringify(value)
    const times = short ? 1 : Math.ceil(1_000 / orders)
    const each = (work: (codec: (typeof codecs)["here"]) => unknown) =>
      Object.fromEntries(Object.entries(codecs).map(([name, codec]) => [name, time(() => work(codec), times)]))
    const settings = orders > 1_000 ? { rounds: Math.min(rounds(5), 5), warmUp: 1 } : { rounds: rounds(21) }
    rows.push(
      await compare(
        `out, ${size} (${text.length.toLocaleString("en")} characters)`,
        "µs",
        each(({ stringify }) => stringify(value)),
        settings
      ),
      await compare(
        `in, ${size}`,
        "µs",
        each(({ parse }) => parse(text)),
        settings
      )
    )
  }
  for (const way of ["out", "in"]) {
    const measured = Object.keys(codecs).map((name) => [
      name,
      Array.from({ length: short ? 1 : 3 }, () => peak(name, way, short ? 100 : 10_000))
    ])
    rows.push(row(`${way}, ${short ? "100 KB" : "10 MB"}: peak memory`, "MB", Object.fromEntries(measured)))
  }
  return rows
}
