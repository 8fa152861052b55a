/** The one import of `sorted-btree`: the build puts the package into this module. */
import library from "sorted-btree"

// the package is CommonJS: to Node its default export is a member of the module, to Vite it is the module
export const BTree = typeof library === "function" ? library : library.default

export type BTree<K, V> = InstanceType<typeof library.default<K, V>>
