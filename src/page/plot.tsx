/** Plots of values over time, as SVG, with the same values as a table. */
import { useId, useState } from "preact/hooks"

/** A line of a plot: a value for each time, or `undefined` where there is none. */
export interface Series {
  readonly name: string
  /** Of the colours of the styles. */
  readonly colour: "one" | "two" | "three"
  readonly values: ReadonlyArray<number | undefined>
}

interface Props {
  readonly title: string
  readonly times: ReadonlyArray<number>
  readonly series: ReadonlyArray<Series>
  readonly format: (value: number) => string
  /** Whether the values are shown as bars on top of each other. */
  readonly stacked?: boolean
}

const width = 560
const height = 150
const left = 52
const bottom = 20
const top = 8

/** The end of an axis: 1, 2 or 5 times a power of ten. */
const niceEnd = (most: number): number => {
  if (most <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(most))
  return [1, 2, 5, 10].map((factor) => factor * power).find((end) => end >= most) ?? most
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" })
const exactClock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" })

/** The pieces of a line between its gaps. */
const linesOf = (
  values: Series["values"],
  x: (at: number) => number,
  y: (value: number) => number
): ReadonlyArray<string> => {
  const lines: Array<Array<string>> = [[]]
  values.forEach((value, at) => {
    if (value === undefined) lines.push([])
    else lines.at(-1)?.push(`${x(at).toFixed(1)},${y(value).toFixed(1)}`)
  })
  return lines.flatMap((line) =>
    line.length === 0 ? [] : [`M${(line.length === 1 ? [line[0], line[0]] : line).join("L")}`]
  )
}

export const Plot = ({ format, series, stacked = false, times, title }: Props) => {
  const id = useId()
  const [pointed, setPointed] = useState<number>()
  const sums = times.map((_, at) => series.reduce((sum, { values }) => sum + (values[at] ?? 0), 0))
  const most = stacked
    ? Math.max(0, ...sums)
    : Math.max(0, ...series.flatMap(({ values }) => values.map((it) => it ?? 0)))
  const end = niceEnd(most)
  const step = (width - left) / Math.max(1, times.length)
  const x = (at: number) => left + (at + 0.5) * step
  const y = (value: number) => height - bottom - (value / end) * (height - bottom - top)
  const last = times.length - 1
  // of few times each one once, or they would lie on top of each other
  const labels = [...new Set([0, Math.floor(times.length / 2), last])]
  const shown = pointed ?? last
  const text = (at: number) =>
    series.map(({ name, values }) => `${name} ${values[at] === undefined ? "none" : format(values[at])}`).join(", ")
  const highest = series
    .map(({ name, values }) => `${name} at most ${format(Math.max(0, ...values.map((it) => it ?? 0)))}`)
    .join(", ")
  return (
    <figure class="plot" aria-labelledby={id}>
      <figcaption>
        <h2 id={id}>{title}</h2>
        <p class="legend">
          {series.map(({ colour, name, values }) => (
            <span key={name}>
              <span class={`swatch ${colour}`} aria-hidden="true" />
              {name} <strong>{values[shown] === undefined ? "-" : format(values[shown])}</strong>
            </span>
          ))}
          <span class="muted">{times[shown] === undefined ? "" : exactClock.format(times[shown])}</span>
        </p>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`${title}: ${highest}`}
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect()
          const at = Math.floor((((event.clientX - box.left) / box.width) * width - left) / step)
          setPointed(at >= 0 && at < times.length ? at : undefined)
        }}
        onPointerLeave={() => setPointed(undefined)}
      >
        {[0, end / 2, end].map((value) => (
          <g key={value}>
            <line class="grid" x1={left} x2={width} y1={y(value)} y2={y(value)} />
            <text class="tick" x={left - 6} y={y(value) + 4} text-anchor="end">
              {format(value)}
            </text>
          </g>
        ))}
        {labels.map((at) =>
          times[at] === undefined ? null : (
            <text
              key={at}
              class="tick time"
              x={x(at)}
              y={height - 4}
              text-anchor={last === 0 ? "middle" : at === 0 ? "start" : at === last ? "end" : "middle"}
            >
              {clock.format(times[at])}
            </text>
          )
        )}
        {series.map(({ colour, name, values }, index) =>
          stacked
            ? values.map((value = 0, at) => {
                const below = series.slice(0, index).reduce((sum, other) => sum + (other.values[at] ?? 0), 0)
                return value === 0 ? null : (
                  <rect
                    key={`${name} ${times[at]}`}
                    class={`fill ${colour}`}
                    x={x(at) - step * 0.4}
                    width={step * 0.8}
                    y={y(below + value)}
                    height={Math.max(1, y(below) - y(below + value))}
                  />
                )
              })
            : linesOf(values, x, y).map((line) => (
                <path
                  key={`${name} ${line}`}
                  class={`line ${colour}${/^M(.+)L\1$/.test(line) ? " dot" : ""}`}
                  d={line}
                />
              ))
        )}
        {pointed !== undefined && (
          <line class="pointer" x1={x(pointed)} x2={x(pointed)} y1={top} y2={height - bottom} />
        )}
      </svg>
      <details>
        <summary>As a table</summary>
        <div class="table" tabIndex={0} role="region" aria-label={`${title} as a table`}>
          <table>
            <tbody>
              {times.map((time, at) =>
                sums[at] === 0 ? null : (
                  <tr key={time}>
                    <th scope="row">{exactClock.format(time)}</th>
                    <td>{text(at)}</td>
                  </tr>
                )
              )}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  )
}
