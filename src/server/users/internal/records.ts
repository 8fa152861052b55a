/**
 * Reads users with their records from an application's tables, and adds them.
 *
 * @internal
 */
import type { Edit } from "../../storage/Table.ts"
import type { UserRecord } from "../UserModels.ts"
import { type AppTables, identityKey, isEmailPassword } from "./tables.ts"

/** All users in the order of creation, then the accounts without a login so far. */
export const recordsOf = (tables: AppTables): ReadonlyArray<UserRecord> => {
  const pending = new Map(tables.accounts.rows)
  const users = Array.from(tables.users.rows.values(), (user): UserRecord => {
    const id = user.identities.find(isEmailPassword)?.id ?? ""
    const account = pending.get(id)
    pending.delete(id)
    return {
      user,
      account,
      apiKeys: tables.apiKeysByUser.all(user.id),
      pushRegistrations: tables.pushRegistrationsByUser.all(user.id)
    }
  })
  const unused = Array.from(pending.values(), (account): UserRecord => ({
    user: undefined,
    account,
    apiKeys: [],
    pushRegistrations: []
  }))
  return [...users, ...unused]
}

export const putRecord = (tables: AppTables, record: UserRecord): ReadonlyArray<Edit> => [
  ...(record.user === undefined ? [] : [tables.users.put(record.user)]),
  ...(record.account === undefined ? [] : [tables.accounts.put(record.account)]),
  ...record.apiKeys.map((key) => tables.apiKeys.put(key)),
  ...record.pushRegistrations.map((registration) => tables.pushRegistrations.put(registration))
]

/** A kind of unique property. */
export type What = "user" | "identity" | "account" | "apiKey"

interface Conflict {
  readonly index: number
  readonly what: What
  /** Whether two records conflict with each other, instead of one with an existing user. */
  readonly twice: boolean
}

/** The records that can be added, or the first conflict. */
export const newRecords = (
  isKnown: (what: What, mark: string) => boolean,
  records: ReadonlyArray<UserRecord>,
  skipExisting: boolean
): { readonly records: ReadonlyArray<UserRecord> } | Conflict => {
  const seen = new Set<string>()
  const added: Array<UserRecord> = []
  for (const [index, record] of records.entries()) {
    const marks = marksOf(record)
    const twice = marks.find(([what, mark]) => seen.has(`${what} ${mark}`))
    if (twice !== undefined) return { index, what: twice[0], twice: true }
    for (const [what, mark] of marks) seen.add(`${what} ${mark}`)
    const known = marks.find(([what, mark]) => isKnown(what, mark))
    if (known === undefined) added.push(record)
    // an equal API key does not identify the same user
    else if (!skipExisting || known[0] === "apiKey") return { index, what: known[0], twice: false }
  }
  return { records: added }
}

/** The unique properties of users, the most specific first. */
export const marksOf = ({ account, apiKeys, user }: UserRecord): ReadonlyArray<readonly [What, string]> => [
  ...(user === undefined ? [] : [["user", user.id] as const]),
  ...(user?.identities ?? []).map((identity) => ["identity", identityKey(identity)] as const),
  ...(account === undefined
    ? []
    : ([
        ["account", account.email],
        ["account", account.id]
      ] as const)),
  ...apiKeys.flatMap(
    (key) =>
      [
        ["apiKey", key.id],
        ["apiKey", key.digest]
      ] as const
  )
]

/** Whether a user or an account of the tables has a unique property. */
export const isIn =
  (tables: AppTables) =>
  (what: What, mark: string): boolean => {
    switch (what) {
      case "user":
        return tables.users.rows.has(mark)
      case "identity":
        return tables.usersByIdentity.has(mark)
      case "account":
        return tables.accountsByEmail.has(mark) || tables.accounts.rows.has(mark)
      case "apiKey":
        return tables.apiKeys.rows.has(mark) || tables.apiKeysByDigest.has(mark)
    }
  }
