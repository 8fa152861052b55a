/** Calls, errors and times of the last hour, and what the processes use. */
import { useRef, useState } from "preact/hooks"
import { read, type WireFigures } from "./api.ts"
import { usePoll } from "./hooks.ts"
import { Empty, Failure, Heading, millisText, Table } from "./parts.tsx"
import { Plot } from "./plot.tsx"

type Bucket = WireFigures["buckets"][number]

const ranges = { "10 minutes": 10, "30 minutes": 30, "1 hour": 60 } as const
const rangeNames = ["10 minutes", "30 minutes", "1 hour"] as const

const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`
const countText = (value: number): string =>
  value >= 10_000 ? `${(value / 1000).toFixed(0)}k` : String(Math.round(value * 10) / 10)

/** The time within which a part of the requests was answered: the end of their bucket. */
const quantile = (
  buckets: ReadonlyArray<Bucket>,
  boundaries: ReadonlyArray<number>,
  part: number
): number | undefined => {
  const counts = [...boundaries, Number.POSITIVE_INFINITY].map((_, at) =>
    buckets.reduce((sum, { latency }) => sum + (latency[at] ?? 0), 0)
  )
  const all = counts.reduce((sum, count) => sum + count, 0)
  if (all === 0) return undefined
  let sum = 0
  const at = counts.findIndex((count) => (sum += count) >= all * part)
  return boundaries[at] ?? boundaries.at(-1)
}

/** All times of a range, also those in which nothing happened, in at most 60 steps. */
const steppedOver = ({ bucketMillis, buckets, now }: WireFigures, minutes: number) => {
  const stepMillis = Math.max(bucketMillis, (minutes * 60_000) / 60)
  const last = Math.floor(now / stepMillis) * stepMillis
  const count = Math.round((minutes * 60_000) / stepMillis)
  const times = Array.from({ length: count }, (_, at) => last - (count - 1 - at) * stepMillis)
  return {
    times,
    minutesEach: stepMillis / 60_000,
    steps: times.map((time) => buckets.filter(({ at }) => at >= time && at < time + stepMillis))
  }
}

const sumOf = (buckets: ReadonlyArray<Bucket>, key: "requests" | "calls" | "clientErrors" | "serverErrors"): number =>
  buckets.reduce((sum, bucket) => sum + bucket[key], 0)

/** The memory is known for the time that the page is open. */
const useMemory = (data: WireFigures | undefined) => {
  const kept = useRef<Array<{ readonly at: number; readonly memory: number; readonly functions: number }>>([])
  if (data !== undefined && data.now !== kept.current.at(-1)?.at) {
    const functions = data.processes.reduce((sum, { memory }) => sum + memory, 0)
    kept.current = [...kept.current, { at: data.now, memory: data.memory, functions }].slice(-300)
  }
  return kept.current
}

export const Figures = () => {
  const [range, setRange] = useState<keyof typeof ranges>("10 minutes")
  const { data, error } = usePoll("figures", 2000, (signal) => read<WireFigures>("/figures", signal))
  const memory = useMemory(data)
  return (
    <>
      <Heading title="Figures">
        <select
          aria-label="Time"
          value={range}
          onChange={(event) => {
            const chosen = rangeNames.find((name) => name === event.currentTarget.value)
            if (chosen !== undefined) setRange(chosen)
          }}
        >
          {rangeNames.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </Heading>
      <p class="muted lead">
        Of all applications of the server, without the requests of this page. Further back, and for other systems, there
        are metrics for Prometheus and OpenTelemetry.
      </p>
      <Failure text={error} />
      {data !== undefined && <Shown data={data} minutes={ranges[range]} memory={memory} />}
    </>
  )
}

const Shown = ({
  data,
  memory,
  minutes
}: {
  readonly data: WireFigures
  readonly minutes: number
  readonly memory: ReturnType<typeof useMemory>
}) => {
  const { minutesEach, steps, times } = steppedOver(data, minutes)
  const all = steps.flat()
  const requests = sumOf(all, "requests")
  const errors = sumOf(all, "clientErrors") + sumOf(all, "serverErrors")
  const slow = quantile(all, data.boundaries, 0.95)
  const perMinute = (key: Parameters<typeof sumOf>[1]) => steps.map((buckets) => sumOf(buckets, key) / minutesEach)
  return (
    <>
      <dl class="tiles">
        <div>
          <dt>Requests</dt>
          <dd>{requests}</dd>
        </div>
        <div>
          <dt>Calls</dt>
          <dd>{sumOf(all, "calls")}</dd>
        </div>
        <div>
          <dt>Errors</dt>
          <dd>
            {errors} <small>{requests === 0 ? "" : `${((errors / requests) * 100).toFixed(1)} %`}</small>
          </dd>
        </div>
        <div>
          <dt>95 % within</dt>
          <dd>{slow === undefined ? "-" : millisText(slow)}</dd>
        </div>
        <div>
          <dt>Memory</dt>
          <dd>{megabytes(data.memory)}</dd>
        </div>
      </dl>
      {requests === 0 && (
        <Empty title="No requests in this time">
          <p>As clients send requests, they are counted here.</p>
        </Empty>
      )}
      <div class="plots">
        <Plot
          title="Requests and calls per minute"
          times={times}
          format={countText}
          series={[
            { name: "requests", colour: "two", values: perMinute("requests") },
            { name: "calls", colour: "one", values: perMinute("calls") }
          ]}
        />
        <Plot
          title="Errors"
          stacked
          times={times}
          format={countText}
          series={[
            { name: "4xx", colour: "two", values: steps.map((buckets) => sumOf(buckets, "clientErrors")) },
            { name: "5xx", colour: "three", values: steps.map((buckets) => sumOf(buckets, "serverErrors")) }
          ]}
        />
        <Plot
          title="Time until the answer"
          times={times}
          format={millisText}
          series={[
            { name: "half within", colour: "one", values: steps.map((it) => quantile(it, data.boundaries, 0.5)) },
            { name: "95 % within", colour: "two", values: steps.map((it) => quantile(it, data.boundaries, 0.95)) }
          ]}
        />
        <Plot
          title="Memory, while this page is open"
          times={memory.map(({ at }) => at)}
          format={megabytes}
          series={[
            { name: "server", colour: "one", values: memory.map(({ memory }) => memory) },
            { name: "functions", colour: "two", values: memory.map(({ functions }) => functions) }
          ]}
        />
      </div>
      {data.processes.length > 0 && (
        <section>
          <h2>Processes of functions</h2>
          <Table label="Processes of functions" head={["Application", "Processes", "Running", "Waiting", "Memory"]}>
            {data.processes.map(({ app, memory, processes, running, waiting }) => (
              <tr key={app}>
                <td>{app}</td>
                <td class="number">{processes}</td>
                <td class="number">{running}</td>
                <td class="number">{waiting}</td>
                <td class="number">{megabytes(memory)}</td>
              </tr>
            ))}
          </Table>
        </section>
      )}
    </>
  )
}
