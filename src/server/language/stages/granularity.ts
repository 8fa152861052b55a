/** The series of preferred numbers that `$bucketAuto` rounds its boundaries to. */
import { Decimal128 } from "bson"
import { invalid } from "../LanguageError.ts"
import { double, isNumber, toDouble } from "../numbers.ts"
import { typeOf } from "../Value.ts"
import type { Value } from "../Value.ts"

/** Rounds to the next number of a series above, or below. */
export interface Granularity {
  readonly up: (value: Value) => Value
  readonly down: (value: Value) => Value
}

const numbers = (text: string): ReadonlyArray<number> => text.trim().split(/\s+/).map(Number)

/** The E series of IEC 60063 from E48 on are rounded powers, but for one number. */
const eSeries = (count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, i) => {
    const value = Math.round(10 ** (i / count) * 100)
    return value === 919 ? 920 : value
  })

const series: Readonly<Record<string, ReadonlyArray<number>>> = {
  R5: numbers("10 16 25 40 63"),
  R10: numbers("100 125 160 200 250 315 400 500 630 800"),
  R20: numbers("100 112 125 140 160 180 200 224 250 280 315 355 400 450 500 560 630 710 800 900"),
  R40: numbers(`100 106 112 118 125 132 140 150 160 170 180 190 200 212 224 236 250 265 280 300 315 335 355 375 400 425
    450 475 500 530 560 600 630 670 710 750 800 850 900 950`),
  R80: numbers(`103 109 115 122 128 136 145 155 165 175 185 195 206 218 230 243 258 272 290 307 325 345 365 387 412 437
    462 487 515 545 575 615 650 690 730 775 825 875 925 975`),
  "1-2-5": numbers("10 20 50"),
  E6: numbers("10 15 22 33 47 68"),
  E12: numbers("10 12 15 18 22 27 33 39 47 56 68 82"),
  E24: numbers("10 11 12 13 15 16 18 20 22 24 27 30 33 36 39 43 47 51 56 62 68 75 82 91"),
  E48: eSeries(48),
  E96: eSeries(96),
  E192: eSeries(192)
}

/** The power of ten by which the series has to be multiplied, so that a number is in it. */
const multiplierOf = (list: ReadonlyArray<number>, number: number): number => {
  const first = list[0] ?? 1
  const last = list.at(-1) ?? 1
  let multiplier = 1
  while (number >= last * multiplier) multiplier *= 10
  while (number < first * multiplier) multiplier /= 10
  return multiplier
}

const roundUp = (list: ReadonlyArray<number>, number: number): number => {
  const multiplier = multiplierOf(list, number)
  const above = list.find((it) => it * multiplier > number)
  return above === undefined ? (list[0] ?? 1) * multiplier * 10 : above * multiplier
}

const roundDown = (list: ReadonlyArray<number>, number: number): number => {
  const multiplier = multiplierOf(list, number)
  const below = list.findLast((it) => it * multiplier < number)
  return below === undefined ? ((list.at(-1) ?? 1) * multiplier) / 10 : below * multiplier
}

const powersOfTwo = {
  up: (number: number) => 2 ** (Math.floor(Math.log2(number)) + 1),
  down: (number: number) => 2 ** (Math.ceil(Math.log2(number)) - 1)
}

const onNumbers =
  (round: (number: number) => number) =>
  (value: Value): Value => {
    const number = isNumber(value) ? toDouble(value) : 0
    const rounded = number === 0 || !Number.isFinite(number) ? number : round(number)
    return value instanceof Decimal128 ? new Decimal128(String(rounded)) : double(rounded)
  }

/** Reads the name of a series. */
export const granularityOf = (name: Value): Granularity => {
  if (typeof name !== "string") {
    return invalid(`The $bucketAuto 'granularity' field must be a string, but found type: ${typeOf(name)}.`, 40261)
  }
  if (name === "POWERSOF2") return { up: onNumbers(powersOfTwo.up), down: onNumbers(powersOfTwo.down) }
  const list = Object.hasOwn(series, name) ? series[name] : undefined
  if (list === undefined) {
    return invalid(
      `Unknown rounding granularity '${name}': ${Object.keys(series).join(", ")} and POWERSOF2 are known`,
      40257
    )
  }
  return { up: onNumbers((number) => roundUp(list, number)), down: onNumbers((number) => roundDown(list, number)) }
}
