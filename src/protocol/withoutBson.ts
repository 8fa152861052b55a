/**
 * Takes the place of `bson` in the bundle of a page whose functions take and return plain values: numbers, strings, booleans,
 * dates, lists and documents of them. The bundle gets 17 kB smaller (gzip). Any other value of BSON that is sent or received,
 * such as an `ObjectId` or an integer beyond 2^53, is refused by name.
 *
 * @example
 * ```ts
 * // vite.config.ts
 * export default {
 *   resolve: { alias: { bson: "effect-app-services/without-bson" } }
 * }
 * ```
 *
 * @since 0.2.0
 */

/**
 * A class of `bson` that is left out: constructing a value fails, by `new` and by static methods.
 *
 * @category models
 * @since 0.2.0
 */
export interface Missing {
  new (...args: ReadonlyArray<unknown>): never
  readonly [method: string]: (...args: ReadonlyArray<unknown>) => never
}

const missing = (type: string): Missing => {
  const refuse = () => {
    const message = `values of the type ${type} need the package bson, which this bundle leaves out (effect-app-services/without-bson)`
    throw Object.assign(new Error(message), { name: "LeftOut" })
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion, typescript/no-extraneous-class -- the handler makes it one
  return new Proxy(class {}, {
    construct: refuse,
    // what `instanceof` reads stays
    get: (target, key) => (typeof key === "symbol" || key in target ? Reflect.get(target, key) : refuse)
  }) as unknown as Missing
}

/**
 * `Binary` of `bson`, left out.
 *
 * @category classes
 * @since 0.2.0
 */
export const Binary: Missing = /* @__PURE__ */ missing("Binary")

/**
 * `BSONRegExp` of `bson`, left out.
 *
 * @category classes
 * @since 0.2.0
 */
export const BSONRegExp: Missing = /* @__PURE__ */ missing("BSONRegExp")

/**
 * `BSONSymbol` of `bson`, left out.
 *
 * @category classes
 * @since 0.2.0
 */
export const BSONSymbol: Missing = /* @__PURE__ */ missing("BSONSymbol")

/**
 * `Code` of `bson`, left out.
 *
 * @category classes
 * @since 0.2.0
 */
export const Code: Missing = /* @__PURE__ */ missing("Code")

/**
 * `DBRef` of `bson`, left out.
 *
 * @category classes
 * @since 0.2.0
 */
export const DBRef: Missing = /* @__PURE__ */ missing("DBRef")

/**
 * `Decimal128` of `bson`, left out.
 *
 * @category classes
 * @since 0.2.0
 */
export const Decimal128: Missing = /* @__PURE__ */ missing("Decimal128")

/**
 * `Double` of `bson`, left out.
 *
 * @category classes
 * @since 0.2.0
 */
export const Double: Missing = /* @__PURE__ */ missing("Double")

/**
 * `Int32` of `bson`, left out.
 *
 * @category classes
 * @since 0.2.0
 */
export const Int32: Missing = /* @__PURE__ */ missing("Int32")

/**
 * `Long` of `bson`, left out.
 *
 * @category classes
 * @since 0.2.0
 */
export const Long: Missing = /* @__PURE__ */ missing("Long")

/**
 * `MaxKey` of `bson`, left out.
 *
 * @category classes
 * @since 0.2.0
 */
export const MaxKey: Missing = /* @__PURE__ */ missing("MaxKey")

/**
 * `MinKey` of `bson`, left out.
 *
 * @category classes
 * @since 0.2.0
 */
export const MinKey: Missing = /* @__PURE__ */ missing("MinKey")

/**
 * `ObjectId` of `bson`, left out.
 *
 * @category classes
 * @since 0.2.0
 */
export const ObjectId: Missing = /* @__PURE__ */ missing("ObjectId")

/**
 * `Timestamp` of `bson`, left out.
 *
 * @category classes
 * @since 0.2.0
 */
export const Timestamp: Missing = /* @__PURE__ */ missing("Timestamp")

/**
 * `UUID` of `bson`, left out.
 *
 * @category classes
 * @since 0.2.0
 */
export const UUID: Missing = /* @__PURE__ */ missing("UUID")
