/** Removed functions of Node's modules that applications still use, implemented by the remaining ones. */
import { createCipheriv, createDecipheriv, createHash, getCipherInfo } from "node:crypto"
import * as types from "node:util/types"

type Namespace = Record<string, unknown>

/** OpenSSL's obsolete derivation of key and initialization vector from a password. */
const derive = (algorithm: string, password: string | NodeJS.ArrayBufferView) => {
  const info = getCipherInfo(algorithm)
  if (info === undefined) throw new TypeError(`Unknown cipher: ${algorithm}`)
  const { ivLength = 0, keyLength } = info
  let bytes = Buffer.alloc(0)
  let block = Buffer.alloc(0)
  while (bytes.length < keyLength + ivLength) {
    block = createHash("md5").update(block).update(password).digest()
    bytes = Buffer.concat([bytes, block])
  }
  return {
    key: bytes.subarray(0, keyLength),
    iv: ivLength === 0 ? null : bytes.subarray(keyLength, keyLength + ivLength)
  }
}

const crypto = {
  createCipher: (algorithm: string, password: string | NodeJS.ArrayBufferView) => {
    const { iv, key } = derive(algorithm, password)
    return createCipheriv(algorithm, key, iv)
  },
  createDecipher: (algorithm: string, password: string | NodeJS.ArrayBufferView) => {
    const { iv, key } = derive(algorithm, password)
    return createDecipheriv(algorithm, key, iv)
  }
}

const isType = (type: string) => (u: unknown) => typeof u === type

const util = {
  isArray: (u: unknown) => Array.isArray(u),
  isBoolean: isType("boolean"),
  isBuffer: (u: unknown) => Buffer.isBuffer(u),
  isDate: (u: unknown) => types.isDate(u),
  isError: (u: unknown) => types.isNativeError(u) || u instanceof Error,
  isFunction: isType("function"),
  isNull: (u: unknown) => u === null,
  isNullOrUndefined: (u: unknown) => u === null || u === undefined,
  isNumber: isType("number"),
  isObject: (u: unknown) => typeof u === "object" && u !== null,
  isPrimitive: (u: unknown) => u === null || (typeof u !== "object" && typeof u !== "function"),
  isRegExp: (u: unknown) => types.isRegExp(u),
  isString: isType("string"),
  isSymbol: isType("symbol"),
  isUndefined: isType("undefined"),
  _extend: (target: unknown, source: unknown) =>
    typeof source === "object" && source !== null ? Object.assign(Object(target), source) : target
}

/** Adds the removed functions to a module. */
export const add = (name: string, module: Namespace): void => {
  const lost: Namespace = name === "crypto" ? crypto : name === "util" ? util : {}
  for (const [key, value] of Object.entries(lost)) {
    if (module[key] === undefined) {
      Object.defineProperty(module, key, { value, enumerable: true, writable: true, configurable: true })
    }
  }
}
