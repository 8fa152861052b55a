/**
 * The BSON classes as the functions of an exported application use them: called with `new` and without, and binaries
 * that read as text.
 *
 * @since 0.1.0
 */
import * as B from "bson"
import { isRegExp } from "node:util/types"

/**
 * Bytes, with what functions ask of them: `text()`, `toBase64()`, `toHex()`.
 *
 * @category models
 * @since 0.1.0
 */
export class FunctionBinary extends B.Binary {
  /** Bytes of a text in Base64. */
  static fromBase64(text: string, subType?: number): FunctionBinary {
    return new FunctionBinary(Buffer.from(text, "base64"), subType)
  }

  /** Bytes of a text in hexadecimal digits. */
  static fromHex(text: string, subType?: number): FunctionBinary {
    return new FunctionBinary(Buffer.from(text, "hex"), subType)
  }

  /** Bytes of a text in UTF-8. */
  static fromText(text: string, subType?: number): FunctionBinary {
    return new FunctionBinary(Buffer.from(text, "utf8"), subType)
  }

  /** The bytes as UTF-8. */
  text(): string {
    return this.toString("utf8")
  }

  /** The bytes in Base64. */
  toBase64(): string {
    return this.toString("base64")
  }

  /** The bytes in hexadecimal digits. */
  toHex(): string {
    return this.toString("hex")
  }
}

/**
 * A value that functions get as it is, or `undefined` for one that has to be copied for them.
 *
 * @category converting
 * @since 0.1.0
 */
export const foreign = (value: object): object | undefined => {
  if (value instanceof B.UUID || value instanceof FunctionBinary) return value
  if (value instanceof B.Binary) return new FunctionBinary(value.value(), value.sub_type)
  return "_bsontype" in value || ArrayBuffer.isView(value) || isRegExp(value) ? value : undefined
}

/** Functions write `BSON.ObjectId(x)` as often as `new BSON.ObjectId(x)`. */
const callable = (construct: abstract new (...args: ReadonlyArray<never>) => object, extras: object = {}): object =>
  new Proxy(construct, {
    apply: (target, _self, args: ReadonlyArray<unknown>) => {
      const value: unknown = Reflect.construct(target, args)
      return value
    },
    get: (target, key) => {
      const member: unknown = Reflect.get(Object.hasOwn(extras, key) ? extras : target, key)
      return member
    }
  })

/** An id from the seconds of a date, which may be of another realm. */
const fromDate = (date: { readonly getTime: () => number }): B.ObjectId =>
  B.ObjectId.createFromTime(Math.floor(date.getTime() / 1000))

/**
 * What functions find at `BSON`.
 *
 * @category constants
 * @since 0.1.0
 */
export const classes = {
  ObjectId: callable(B.ObjectId, { fromDate }),
  ObjectID: callable(B.ObjectId, { fromDate }),
  Long: callable(B.Long),
  Int32: callable(B.Int32),
  Double: callable(B.Double),
  Decimal128: callable(B.Decimal128),
  Timestamp: callable(B.Timestamp),
  UUID: callable(B.UUID),
  BSONRegExp: callable(B.BSONRegExp),
  BSONSymbol: callable(B.BSONSymbol),
  Code: callable(B.Code),
  DBRef: callable(B.DBRef),
  MinKey: callable(B.MinKey),
  MaxKey: callable(B.MaxKey),
  Binary: callable(FunctionBinary)
}
