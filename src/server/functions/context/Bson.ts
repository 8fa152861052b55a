/**
 * The BSON classes of exported applications' functions: callable with and without `new`, and with binaries that convert
 * to text. It is evaluated in each realm, which has its own classes.
 */
import * as B from "bson"
import { randomBytes } from "node:crypto"

/** Additional members of binaries. */
const binaries = {
  /** Decodes Base64. */
  fromBase64: (text: string, subType?: number) => new B.Binary(Buffer.from(text, "base64"), subType),
  /** Decodes hexadecimal digits. */
  fromHex: (text: string, subType?: number) => new B.Binary(Buffer.from(text, "hex"), subType),
  /** Encodes text as UTF-8. */
  fromText: (text: string, subType?: number) => new B.Binary(Buffer.from(text, "utf8"), subType)
}

const ofBinary = {
  /** The bytes as UTF-8. */
  text(this: B.Binary): string {
    return this.toString("utf8")
  },
  /** The bytes in Base64. */
  toBase64(this: B.Binary): string {
    return this.toString("base64")
  },
  /** The bytes in hexadecimal digits. */
  toHex(this: B.Binary): string {
    return this.toString("hex")
  }
}

type Class = abstract new (...args: ReadonlyArray<never>) => object

/** The static members of a class and its base classes. */
const statics = (original: object): PropertyDescriptorMap =>
  original === Function.prototype
    ? {}
    : { ...statics(Object.getPrototypeOf(original)), ...Object.getOwnPropertyDescriptors(original) }

/**
 * A function that creates instances of a class and stands for it, since functions write `BSON.ObjectId(x)` as often as
 * `new BSON.ObjectId(x)`. The class itself cannot be reached, so that a call cannot change what BSON works with.
 */
const callable = (original: Class, extras: object = {}): object => {
  const { [original.name]: construct = () => undefined } = {
    [original.name]: function (...args: ReadonlyArray<unknown>): unknown {
      return Reflect.construct(original, args, new.target ?? construct)
    }
  }
  const { index: _, prototype: __, PROCESS_UNIQUE: ___, resetState: ____, ...members } = statics(original)
  Object.defineProperties(construct, members)
  Object.defineProperty(construct, "prototype", { value: original.prototype, writable: false })
  Object.defineProperty(original.prototype, "constructor", { value: construct })
  Object.assign(construct, extras)
  for (const it of [construct, original.prototype]) quicken(it)
  return construct
}

const read = (object: { readonly none?: unknown }): unknown => object.none

/**
 * Makes the engine optimise an object's properties for reading, since they are read after each call: it does so for
 * prototypes, in code that ran a few times.
 */
const quicken = (object: object): void => {
  const heir: object = Object.create(object)
  for (let i = 0; i < 10; i++) read(heir)
}

/** An id from the seconds of a date. */
const fromDate = (date: Date): B.ObjectId => B.ObjectId.createFromTime(Math.floor(date.getTime() / 1000))

/** Removes the caches of the classes, which one call could change and another one would see. */
const forget = (): void => {
  let random: Buffer | undefined
  let count = 0
  // @effect-diagnostics-next-line globalDate:off -- functions live in real time, as their own Date does
  B.ObjectId.generate = (time = Math.floor(Date.now() / 1000)) => {
    if (random === undefined) {
      random = randomBytes(8)
      count = random.readUIntBE(5, 3)
    }
    count = (count + 1) % 2 ** 24
    const id = Buffer.alloc(12)
    id.writeUInt32BE(time, 0)
    random.copy(id, 4, 0, 5)
    id.writeUIntBE(count, 9, 3)
    return id
  }
  for (const it of Object.values(B.Long)) Object.freeze(it)
  // the shared instances of small numbers are not used
  B.Long.fromInt = (value, unsigned) =>
    unsigned === true
      ? B.Long.fromBits(value >>> 0, (value | 0) < 0 ? -1 : 0, true)
      : B.Long.fromBits(value | 0, value < 0 ? -1 : 0, false)
  const name = "_fromString"
  const fromString: (...args: ReadonlyArray<unknown>) => B.Decimal128 = Reflect.get(B.Decimal128, name)
  Reflect.set(B.Decimal128, name, (...args: ReadonlyArray<unknown>) => {
    const { bytes } = Reflect.apply(fromString, B.Decimal128, args)
    return new B.Decimal128(Uint8Array.from(bytes))
  })
}

/** Creates the global `BSON`; once per realm. */
export const make = (): object => {
  forget()
  for (const [name, value] of Object.entries(ofBinary)) {
    Object.defineProperty(B.Binary.prototype, name, { value, writable: true, configurable: true })
  }
  return {
    ObjectId: callable(B.ObjectId, { fromDate }),
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
    Binary: callable(B.Binary, binaries)
  }
}
