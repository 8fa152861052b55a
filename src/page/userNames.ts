/** The name by which people know a user. */
import type { WireUser } from "./api.ts"

/** An address or a name that a provider tells, or the id. */
export const nameOf = ({ id, identities }: Pick<WireUser, "id" | "identities">): string => {
  for (const { data } of identities) {
    for (const key of ["email", "name"]) {
      const value = data[key]
      if (typeof value === "string" && value !== "") return value
    }
  }
  return identities[0]?.providerType === "anon-user" ? "anonymous" : id
}
