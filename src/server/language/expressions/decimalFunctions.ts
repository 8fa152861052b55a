/** Functions of decimals that are no fractions: computed with more digits than a decimal has, and rounded once. */
import * as decimals from "../decimals.ts"
import type { Decimal } from "../decimals.ts"
import { Decimal as Library } from "../internal/decimalJs.ts"
import { failed } from "../LanguageError.ts"

const Precise = Library.clone({ precision: 44, rounding: Library.ROUND_HALF_EVEN, maxE: 20000, minE: -20000 })

const toLibrary = (value: Decimal): Library => {
  if (value.kind === "nan") return new Precise(Number.NaN)
  if (value.kind === "infinity") return new Precise(value.negative ? -Infinity : Infinity)
  return new Precise(`${value.negative ? "-" : ""}${value.digits}e${value.exponent}`)
}

const fromLibrary = (value: Library): Decimal => decimals.parse(value.toString()) ?? decimals.nan

/** Beyond this power of ten the digits of a circle's constant are too few to tell where on the circle a number is. */
const mostPower = 900

const functionOf =
  (compute: (value: Library) => Library) =>
  (value: Decimal): Decimal =>
    fromLibrary(compute(toLibrary(value)))

const circular =
  (compute: (value: Library) => Library) =>
  (value: Decimal): Decimal => {
    if (value.kind === "finite" && decimals.length(value.digits) + value.exponent > mostPower)
      failed("a decimal of more than 900 digits has no exact place on the circle: it is too large for this operator")
    return functionOf(compute)(value)
  }

/** Above this exponent every result is infinite, below its opposite 0. */
const mostExponent = 15000

const bounded =
  (compute: (value: Library) => Library) =>
  (value: Decimal): Decimal => {
    const number = decimals.toDouble(value)
    return functionOf(compute)(Math.abs(number) > mostExponent ? decimals.infinity(value.negative) : value)
  }

export const exp = bounded((value) => value.exp())
export const ln = functionOf((value) => value.ln())
export const log10 = functionOf((value) => value.log(10))
export const log = (value: Decimal, base: Decimal): Decimal =>
  fromLibrary(toLibrary(value).ln().div(toLibrary(base).ln()))
export const sqrt = functionOf((value) => value.sqrt())
export const sin = circular((value) => value.sin())
export const cos = circular((value) => value.cos())
export const tan = circular((value) => value.tan())
export const asin = functionOf((value) => value.asin())
export const acos = functionOf((value) => value.acos())
export const atan = functionOf((value) => value.atan())
export const atan2 = (y: Decimal, x: Decimal): Decimal => fromLibrary(Precise.atan2(toLibrary(y), toLibrary(x)))
export const sinh = bounded((value) => value.sinh())
export const cosh = bounded((value) => value.cosh())
export const tanh = bounded((value) => value.tanh())
export const asinh = functionOf((value) => value.asinh())
export const acosh = functionOf((value) => value.acosh())
export const atanh = functionOf((value) => value.atanh())

/** π, to more digits than a decimal has. */
export const pi: Decimal = decimals.finite(false, 31415926535897932384626433832795028841971693993751058209n, -55)

/** base^exponent, with 34 digits. */
export const pow = (base: Decimal, exponent: Decimal): Decimal => {
  if (base.kind === "finite" && exponent.kind === "finite" && base.digits !== 0n && exponent.digits !== 0n) {
    const power = decimals.toDouble(exponent) * (decimals.length(base.digits) + base.exponent)
    const isOdd = decimals.toInteger({ ...exponent, negative: false }, "trunc", 40)
    const negative = base.negative && isOdd !== undefined && isOdd % 2n === 1n
    // a base between 0.1 and 10 has a power that says nothing
    if (Math.abs(decimals.length(base.digits) + base.exponent - 1) > 1 && Math.abs(power) > mostExponent * 2)
      return power > 0 ? decimals.infinity(negative) : decimals.finite(negative, 0n, -6176)
  }
  const result = fromLibrary(toLibrary(base).pow(toLibrary(exponent)))
  return result.kind === "finite" ? decimals.add(result, decimals.finite(result.negative, 0n, -6176)) : result
}
