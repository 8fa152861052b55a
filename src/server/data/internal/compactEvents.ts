/** Compact change events of Stitch SDKs (`watchCompact`): short names, and no document for updates. */
import { Long, serialize } from "bson"
import * as Bson from "./bson.ts"
import type { Document } from "./bson.ts"

/** The field of Stitch's mobile sync with the version of a document. */
const versionField = "__stitch_sync_version"

/**
 * The compact form of a change event:
 *
 * - `ot`: the operation type
 * - `dk`: the key of the document
 * - `fd`: the document, after an insertion or a replacement
 * - `ud`: what an update changed
 * - `sdv`: the version that sync wrote into the document, if there is one
 * - `sdh`: the hash of the document without that version; absent for a deletion
 */
export const compact = ({ documentKey, fullDocument, operationType, updateDescription }: Document): Document => {
  const event: Document = { ot: operationType, dk: documentKey }
  if (Bson.isDocument(updateDescription)) {
    const { removedFields, updatedFields } = updateDescription
    event["ud"] = { updatedFields, removedFields }
  }
  if (!Bson.isDocument(fullDocument)) return event
  if (operationType !== "update") event["fd"] = fullDocument
  const { [versionField]: version, ...document } = fullDocument
  if (Bson.isDocument(version)) event["sdv"] = version
  event["sdh"] = hashOf(document)
  return event
}

/** The 64-bit FNV-1a hash of a document's BSON, as the signed integer that clients compute. */
export const hashOf = (document: Document): Long => {
  // 14695981039346656037 in halves; times 2^40 + 0x1b3, the prime, modulo 2^64
  let low = 0x84222325
  let high = 0xcbf29ce4
  for (const byte of serialize(document, { ignoreUndefined: false })) {
    const mixed = (low ^ byte) >>> 0
    const product = mixed * 0x1b3
    high = (Math.imul(high, 0x1b3) + Math.floor(product / 2 ** 32) + (mixed << 8)) >>> 0
    low = product >>> 0
  }
  return Long.fromBits(low | 0, high | 0)
}
