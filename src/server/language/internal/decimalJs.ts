/** The one import of `decimal.js`: the build puts the package into this module. */
export { Decimal } from "decimal.js"
