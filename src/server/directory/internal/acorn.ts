/** The one import of `acorn`: the build puts the package into this module. */
export { parse, type Program } from "acorn"
