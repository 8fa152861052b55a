/**
 * The documents of a row store, one after the other, for files: a collection is never in memory as a whole. Collections are in
 * the order of their creation, and documents in that of their insertion.
 */
import { serialize } from "bson"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ejson from "../../../protocol/internal/ejson.ts"
import { attempt, isRowStoreError, type RowStore, RowStoreError } from "../../storage/RowStore.ts"
import type { Document, Namespace } from "../Operation.ts"
import * as Rows from "../store/rows.ts"
import { namespaces, tableOf } from "../store/tables.ts"
import type { Format } from "./DocumentFile.ts"

/** The collections of an application. */
export const collections = (
  rowStore: RowStore["Service"],
  appId: string
): Effect.Effect<ReadonlyArray<Namespace>, RowStoreError> =>
  Effect.map(
    attempt(() => namespaces(rowStore)),
    (all) => all.filter((namespace) => namespace.appId === appId)
  )

const encoder = new TextEncoder()

/** A document as in a file of `mongodump`, or as a line of canonical Extended JSON. */
const encoded = (format: Format, document: Document): Uint8Array =>
  format === "bson" ? serialize(document) : encoder.encode(`${ejson.stringify(document)}\n`)

/** The documents of a collection as the parts of a file, each of one document. */
export const documents = (
  rowStore: RowStore["Service"],
  namespace: Namespace,
  format: Format
): Stream.Stream<Uint8Array, RowStoreError> =>
  Stream.fromIterable({
    *[Symbol.iterator]() {
      for (const { value } of rowStore.rows(tableOf(namespace))) yield encoded(format, Rows.decode(value))
    }
  }).pipe(
    Stream.catchDefect((defect) =>
      Stream.fail(
        isRowStoreError(defect)
          ? defect
          : new RowStoreError({
              message: `a document of ${namespace.database}.${namespace.collection} cannot be read: ${String(defect)}`
            })
      )
    )
  )
