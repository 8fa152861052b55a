/** The last characters without trailing bits, by the length modulo four. */
const lastDigits: ReadonlyArray<RegExp> = [/^/, /^$/, /[AQgw]$/, /[AEIMQUYcgkosw048]$/]

const isPart = (text: string): boolean => /^[\w-]*$/.test(text) && (lastDigits[text.length % 4]?.test(text) ?? false)

/**
 * Whether a string is a signed JSON Web Token in compact form and canonical Base64url: without padding, other
 * characters and trailing bits (RFC 7515, appendix C; RFC 4648, 3.5). Otherwise one signature would be valid in several
 * spellings.
 *
 * @internal
 */
export const isCompact = (token: string): boolean => {
  const parts = token.split(".")
  return parts.length === 3 && parts.every(isPart)
}
