/** The documents of what servers keep beside users. */
import type { OAuthType } from "../../../model/OAuthProvider.ts"
import type { Delivery } from "../../../users/Inbox.ts"
import type { Text } from "./documents.ts"

/** An event. */
export interface EventDocument {
  readonly app: string
  readonly at: Date
  /** JSON, since strings need not be well-formed Unicode. */
  readonly event: string
  readonly expiresAt: Date
}

/** A message. Its token is in plain text, as it is in an e-mail, and valid for half an hour at most. */
export interface MessageDocument {
  /** The id of the token. */
  readonly _id: string
  readonly app: string
  readonly at: Date
  /** The message without its delivery as JSON, since strings need not be well-formed Unicode. */
  readonly message: string
  /** Absent before the first attempt to send it. */
  readonly state?: Delivery["state"]
  readonly attempts?: number
  readonly next?: Date
  readonly error?: string
  readonly expiresAt: Date
}

/** A key that signs tokens. */
export interface KeyDocument {
  readonly id: string
  readonly secret: string
  readonly createdAt: Date
  readonly retiredAt?: Date | undefined
}

/** The keys of an application. */
export interface KeysDocument {
  /** The id of the application. */
  readonly _id: string
  /** Changes with each change of the keys. */
  readonly version: number
  readonly keys: ReadonlyArray<KeyDocument>
}

/** A login under way, by the digest of its state. */
export interface PendingDocument {
  readonly _id: string
  readonly app: string
  readonly provider: OAuthType
  readonly redirect: string
  readonly state: Text
  readonly deviceId?: Text | undefined
  readonly link?: { readonly userId: string; readonly sessionId: string } | undefined
  readonly callback: Text
  readonly nonce: string
  readonly verifier: string
  readonly browser: string
  readonly expiresAt: Date
}
