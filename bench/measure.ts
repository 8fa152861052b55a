/** Measuring for all benchmarks: variants in turn in the same run, medians with their spread. */

/** The number of measured rounds, `BENCH_ROUNDS` or the benchmark's own. */
export const rounds = (usual: number): number => Number(process.env["BENCH_ROUNDS"] ?? usual)

/** Whether the run only checks that the benchmark works. */
export const short = process.env["BENCH_SHORT"] === "1"

export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

/** The median and the spread, in a unit. */
export const shown = (values: ReadonlyArray<number>, unit: string): string => {
  const digits = median(values) < 10 ? 1 : 0
  const lowest = Math.min(...values).toFixed(digits)
  const highest = Math.max(...values).toFixed(digits)
  return `${median(values).toFixed(digits)} ${unit} (${lowest}–${highest})`
}

/** The median of the rounds' ratios, with their middle half: noise affects both sides of a round. */
export const ratio = (ours: ReadonlyArray<number>, theirs: ReadonlyArray<number>): string => {
  const ratios = ours.map((cost, round) => cost / (theirs[round] ?? NaN)).toSorted((a, b) => a - b)
  const quarter = (part: number) => (ratios[Math.floor((ratios.length - 1) * part)] ?? NaN).toFixed(2)
  return `×${median(ratios).toFixed(2)} (${quarter(0.25)}–${quarter(0.75)})`
}

/** CPU time of this process while the operation runs, in microseconds, independent of the machine's other load. */
export const cpu = async (operation: () => Promise<unknown>): Promise<number> => {
  const start = process.cpuUsage()
  await operation()
  const { system, user } = process.cpuUsage(start)
  return user + system
}

/** The measurements of each variant, round by round, with the variants in turn. The first rounds are warm-up. */
export const inTurn = async <A>(
  variants: ReadonlyArray<() => Promise<A>>,
  options: { readonly rounds: number; readonly warmUp?: number }
): Promise<ReadonlyArray<ReadonlyArray<A>>> => {
  const measured = variants.map((): Array<A> => [])
  const warmUp = short ? 0 : (options.warmUp ?? 2)
  for (let round = 0; round < options.rounds + warmUp; round++) {
    for (const [i, variant] of variants.entries()) {
      const one = await variant()
      if (round >= warmUp) measured[i]?.push(one)
    }
  }
  return measured
}

/** A row of a table: ours first, then each other variant with the ratio of ours to it. */
export const row = (probe: string, unit: string, costs: Record<string, ReadonlyArray<number>>) => {
  const [[name, ours] = ["", []], ...others] = Object.entries(costs)
  return {
    probe,
    [name]: shown(ours, unit),
    ...Object.fromEntries(others.map(([other, theirs]) => [other, `${shown(theirs, unit)}, ${ratio(ours, theirs)}`]))
  }
}

/** Measures variants in turn and returns a row. */
export const compare = async (
  probe: string,
  unit: string,
  variants: Record<string, () => Promise<number>>,
  options: { readonly rounds: number; readonly warmUp?: number }
) => {
  const costs = await inTurn(Object.values(variants), options)
  return row(probe, unit, Object.fromEntries(Object.keys(variants).map((name, i) => [name, costs[i] ?? []])))
}
