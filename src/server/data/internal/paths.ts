/** The paths by which updates name fields. */

/** As far as MongoDB fills up an array. */
export const mostFilled = 1_500_000

const canCreate = new Set(["$set", "$setOnInsert", "$unset"])

/**
 * Throws where an update of a path would fill memory with nothing, or reach what JavaScript objects inherit: that is no
 * field, and taken for one it would be neither found nor changed.
 */
export const checkPath = (document: Record<string, unknown>, operator: string, path: string): void => {
  const names = path.split(".")
  let value: unknown = document
  // what stands behind `$` may be any array
  let positional = false
  for (const [i, name] of names.entries()) {
    if ((positional || Array.isArray(value)) && /^\d+$/.test(name) && Number(name) > mostFilled) {
      throw new Error(`can't backfill more than ${mostFilled} elements: '${path}'`)
    }
    positional ||= name.startsWith("$")
    const own = typeof value === "object" && value !== null && Object.hasOwn(value, name)
    const creates = i === names.length - 1 && canCreate.has(operator)
    if (!own && !creates && name in Object.prototype) {
      throw new Error(`the field name '${name}' is not supported in '${path}' of ${operator}`)
    }
    value = own ? Reflect.get(value ?? {}, name) : undefined
  }
}
