/**
 * The difference of two versions of a document, as MongoDB finds it for a pipeline.
 *
 * A difference inside of a document or an array is told only if it takes fewer bytes in MongoDB's log than the value
 * itself; otherwise the whole value is told. The same holds for the document: its event is one of a replacement then.
 */
import { spend } from "../budget.ts"
import { isDocument, sizeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { type Delta, type DeltaOfElements, type DeltaOfFields, describe } from "./description.ts"
import type { UpdateDescription } from "./description.ts"
import { identical } from "./identical.ts"

/** The bytes of parts of MongoDB's log: an entry, an empty difference, and what is around each kind of change. */
const bytes = { entry: 15, fields: 5, elements: 9, section: 8, header: 2, prefix: 1, gone: 1, newSize: 7 }

/** A difference, its bytes in the log, and those of the later version. */
interface Compared<D> {
  readonly delta: D
  readonly size: number
  readonly whole: number
}

const isEmpty = ({ children, ...delta }: DeltaOfFields | DeltaOfElements): boolean =>
  children.length === 0 && !("newSize" in delta)

/** Compares versions of which parts are told however large that is, or only if they are smaller than the whole. */
class Comparison {
  readonly isLimited: boolean

  constructor(isLimited: boolean) {
    this.isLimited = isLimited
  }

  /** A field that has moved behind others is told as one that was added, as MongoDB does. */
  documents(before: Document, after: Document): Compared<DeltaOfFields> {
    const names = Object.keys(before)
    const others = Object.keys(after)
    const gone = new Set<string>()
    const children: Array<readonly [string, Delta]> = []
    const sections = new Set<Delta["kind"]>()
    let size = bytes.fields
    let whole = 5
    let at = 0
    const tell = (name: string, delta: Delta, length: number) => {
      children.push([name, delta])
      const isInside = delta.kind === "fields" || delta.kind === "elements"
      if (!isInside && !sections.has(delta.kind)) size += bytes.section
      sections.add(delta.kind)
      size += Buffer.byteLength(name) + bytes.header + length + (isInside ? bytes.prefix : 0)
    }
    for (const name of names) {
      spend()
      if (at === others.length || name !== others[at]) {
        gone.add(name)
        continue
      }
      at++
      const { delta, size: length, whole: length1 } = this.values(before[name], after[name])
      whole += 2 + Buffer.byteLength(name) + length1
      if (delta !== undefined) tell(name, delta, length)
    }
    for (const name of others.slice(at)) {
      spend()
      gone.delete(name)
      const length = this.#sizeOf(after[name])
      whole += 2 + Buffer.byteLength(name) + length
      tell(name, { kind: "added", value: after[name] }, length)
    }
    for (const name of gone) tell(name, { kind: "gone" }, bytes.gone)
    return { delta: { kind: "fields", children }, size, whole }
  }

  arrays(before: ReadonlyArray<Value>, after: ReadonlyArray<Value>): Compared<DeltaOfElements> {
    const children: Array<readonly [number, Delta]> = []
    let size = bytes.elements
    let whole = 5
    for (const [i, value] of after.entries()) {
      spend()
      const name = String(i).length
      const compared = i < before.length ? this.values(before[i], value) : this.#whole(value)
      whole += 2 + name + compared.whole
      if (compared.delta === undefined) continue
      children.push([i, compared.delta])
      size += bytes.prefix + name + bytes.header + compared.size
    }
    if (after.length >= before.length) return { delta: { kind: "elements", children }, size, whole }
    return { delta: { kind: "elements", children, newSize: after.length }, size: size + bytes.newSize, whole }
  }

  values(before: Value, after: Value): Compared<Delta | undefined> {
    if (Object.is(before, after)) return this.#same(after)
    const inside =
      isDocument(before) && isDocument(after)
        ? this.documents(before, after)
        : Array.isArray(before) && Array.isArray(after)
          ? this.arrays(before, after)
          : undefined
    if (inside === undefined) return identical(before, after) ? this.#same(after) : this.#whole(after)
    const { delta, size, whole } = inside
    if (isEmpty(delta)) return { delta: undefined, size: 0, whole }
    return this.isLimited && whole <= size ? { delta: { kind: "set", value: after }, size: whole, whole } : inside
  }

  #same(value: Value): Compared<undefined> {
    return { delta: undefined, size: 0, whole: this.#sizeOf(value) }
  }

  #whole(value: Value): Compared<Delta> {
    const whole = this.#sizeOf(value)
    return { delta: { kind: "set", value }, size: whole, whole }
  }

  /** The bytes matter only for a limit. */
  #sizeOf(value: Value): number {
    return this.isLimited ? sizeOf(value) : 0
  }
}

/** The difference of two versions, place by place. */
export const between = (before: Document, after: Document): UpdateDescription =>
  describe(new Comparison(false).documents(before, after).delta)

/** The difference of two versions as MongoDB tells it; `undefined` where it tells the whole document instead. */
export const logged = (before: Document, after: Document): UpdateDescription | undefined => {
  const { delta, size, whole } = new Comparison(true).documents(before, after)
  return whole > size + bytes.entry ? describe(delta) : undefined
}
