/** Functions of decimals with irrational results: computed with more digits than a decimal has, and rounded once. */
import * as decimals from "../decimals.ts"
import type { Decimal } from "../decimals.ts"
import { Decimal as Library } from "../internal/decimalJs.ts"
import { spend } from "../budget.ts"
import { failed } from "../LanguageError.ts"

const Precise = Library.clone({ precision: 44, rounding: Library.ROUND_HALF_EVEN })

const toLibrary = (value: Decimal): Library => {
  if (value.kind === "nan") return new Precise(Number.NaN)
  if (value.kind === "infinity") return new Precise(value.negative ? -Infinity : Infinity)
  return new Precise(`${value.negative ? "-" : ""}${value.digits}e${value.exponent}`)
}

const fromLibrary = (value: Library): Decimal => decimals.parse(value.toString()) ?? decimals.nan

/** What one function of a decimal costs, in steps. */
const cost = 2000

const functionOf =
  (compute: (value: Library) => Library) =>
  (value: Decimal): Decimal => {
    spend(cost)
    return fromLibrary(compute(toLibrary(value)))
  }

/** The power of ten of the first digit, and one. */
const magnitude = (value: Decimal): number => decimals.length(value.digits) + value.exponent

/** Beyond this power of ten a number has hardly any place on the circle, and finding it takes long. */
const mostPower = 200

const circular = (compute: (value: Library) => Library): ((value: Decimal) => Decimal) => {
  const evaluate = functionOf(compute)
  return (value) => {
    const power = value.kind === "finite" ? magnitude(value) : 0
    if (power > mostPower) failed(`a decimal of more than ${mostPower} digits is too large for trigonometry`)
    spend(Math.max(0, power) * cost)
    return evaluate(value)
  }
}

/** Above this exponent every result is infinite, below its opposite 0. */
const mostExponent = 15000

const bounded = (compute: (value: Library) => Library): ((value: Decimal) => Decimal) => {
  const evaluate = functionOf(compute)
  return (value) => {
    const number = Math.abs(decimals.toDouble(value))
    spend(Math.min(number, mostExponent) * 10)
    return evaluate(number > mostExponent ? decimals.infinity(value.negative) : value)
  }
}

/** Small numbers are their own value to all their digits, where a function is `x` and a term of its third power. */
const nearlyItself =
  (evaluate: (value: Decimal) => Decimal): ((value: Decimal) => Decimal) =>
  (value) =>
    value.kind === "finite" && magnitude(value) < -40 ? value : evaluate(value)

const half = new Precise("0.5")
const halfExponentials = (value: Library): readonly [Library, Library] => {
  const up = value.exp()
  return [up.times(half), new Precise(1).div(up).times(half)]
}

/** Through exponentials, which lose no digits away from 0. */
const sinhOf = (value: Library): Library => {
  if (value.abs().lt(1)) return value.sinh()
  const [up, down] = halfExponentials(value)
  return up.minus(down)
}
const coshOf = (value: Library): Library => {
  if (!value.isFinite()) return value.cosh()
  const [up, down] = halfExponentials(value)
  return up.plus(down)
}
/** Beyond this, one less or more under the root says nothing. */
const large = new Precise("1e30")
const asinhOf = (value: Library): Library => {
  if (value.abs().lt(large)) return value.asinh()
  const magnitude = value.abs().times(2).ln()
  return value.isNegative() ? magnitude.neg() : magnitude
}
const acoshOf = (value: Library): Library => (value.lt(large) ? value.acosh() : value.times(2).ln())

export const exp = bounded((value) => value.exp())
export const ln = functionOf((value) => value.ln())
export const log10 = functionOf((value) => value.log(10))
export const log = (value: Decimal, base: Decimal): Decimal => {
  spend(cost)
  return fromLibrary(toLibrary(value).ln().div(toLibrary(base).ln()))
}
export const sqrt = functionOf((value) => value.sqrt())
export const sin = nearlyItself(circular((value) => value.sin()))
export const cos = circular((value) => value.cos())
export const tan = nearlyItself(circular((value) => value.tan()))
export const asin = nearlyItself(functionOf((value) => value.asin()))
export const acos = functionOf((value) => value.acos())
export const atan = nearlyItself(functionOf((value) => value.atan()))
export const atan2 = (y: Decimal, x: Decimal): Decimal => {
  spend(cost)
  return fromLibrary(Precise.atan2(toLibrary(y), toLibrary(x)))
}
export const sinh = nearlyItself(bounded(sinhOf))
export const cosh = bounded(coshOf)
export const tanh = nearlyItself(
  bounded((value) => (value.abs().gt(100) ? new Precise(Math.sign(value.toNumber())) : value.tanh()))
)
export const asinh = nearlyItself(functionOf(asinhOf))
export const acosh = functionOf(acoshOf)
export const atanh = nearlyItself(functionOf((value) => value.atanh()))

/** π, to more digits than a decimal has. */
export const pi: Decimal = decimals.finite(false, 31415926535897932384626433832795028841971693993751058209n, -55)

const isOdd = (value: Decimal): boolean => {
  const whole = decimals.toInteger({ ...value, negative: false }, "trunc")
  return whole !== undefined && whole % 2n === 1n
}

/** base^exponent, with 34 digits. */
export const pow = (base: Decimal, exponent: Decimal): Decimal => {
  spend(cost)
  if (base.kind === "finite" && exponent.kind === "finite" && base.digits !== 0n) {
    // beyond 7000 digits either way it is known what the power is
    const power = decimals.toDouble(exponent) * (Math.log10(Number(base.digits)) + base.exponent)
    const negative = base.negative && isOdd(exponent)
    if (power > 7000) return decimals.infinity(negative)
    if (power < -7000) return decimals.finite(negative, 0n, -6176)
  }
  const result = fromLibrary(toLibrary(base).pow(toLibrary(exponent)))
  return result.kind === "finite" ? decimals.add(result, decimals.finite(result.negative, 0n, -6176)) : result
}
