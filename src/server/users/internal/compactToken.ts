/** The digits that leave no bits over in the last place, after so many more digits than a multiple of four. */
const lastDigits: ReadonlyArray<RegExp> = [/^/, /^$/, /[AQgw]$/, /[AEIMQUYcgkosw048]$/]

const isPart = (text: string): boolean => /^[\w-]*$/.test(text) && (lastDigits[text.length % 4]?.test(text) ?? false)

/**
 * Whether a text is a signed JSON Web Token in its compact form, and the only text for its bytes: base64url without
 * padding, other digits and bits that are left over (RFC 7515, appendix C; RFC 4648, 3.5). Otherwise one signature would be
 * good in several spellings.
 *
 * @internal
 */
export const isCompact = (token: string): boolean => {
  const parts = token.split(".")
  return parts.length === 3 && parts.every(isPart)
}
