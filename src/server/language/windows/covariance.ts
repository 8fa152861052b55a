/** The window functions `$covariancePop` and `$covarianceSamp`. */
import { spend } from "../budget.ts"
import * as Expression from "../Expression.ts"
import { add, divide, isNumber, multiply, subtract } from "../numbers.ts"
import type { NumberValue } from "../numbers.ts"
import type { Value } from "../Value.ts"
import { compileWindow } from "../windows.ts"
import { valuesOf } from "./WindowFunction.ts"
import type { CompileFunction } from "./WindowFunction.ts"

/** The covariance of the pairs so far. */
class Covariance {
  #count = 0
  #meanX: NumberValue = 0
  #meanY: NumberValue = 0
  #sum: NumberValue = 0

  add(pair: Value): void {
    const [x, y] = Array.isArray(pair) && pair.length === 2 ? pair : []
    if (!isNumber(x) || !isNumber(y)) return
    this.#count++
    if (this.#count === 1) {
      this.#meanX = x
      this.#meanY = y
      return
    }
    const deltaY = subtract(y, this.#meanY)
    this.#meanX = add(this.#meanX, divide(subtract(x, this.#meanX), this.#count))
    this.#meanY = add(this.#meanY, divide(deltaY, this.#count))
    this.#sum = add(this.#sum, multiply(subtract(x, this.#meanX), deltaY))
  }

  result(lost: number): Value {
    const count = this.#count - lost
    return count <= 0 ? null : divide(this.#sum, count)
  }
}

export const covariance: CompileFunction = (argument, { name, scope, sorting, window }) => {
  const expression = Expression.compile(argument, scope)
  const spansOf = compileWindow(window, sorting)
  const lost = name === "$covarianceSamp" ? 1 : 0
  return (rows, frame) => {
    const pairs = valuesOf(expression, rows, frame)
    let from = 0
    let to = 0
    let current = new Covariance()
    return spansOf(rows).map((span) => {
      if (span.from !== from || span.to < to) {
        current = new Covariance()
        from = span.from
        to = span.from
      }
      spend(span.to - to)
      for (; to < span.to; to++) current.add(pairs[to])
      return current.result(lost)
    })
  }
}
