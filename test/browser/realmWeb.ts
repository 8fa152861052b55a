/** A page of a program before it changes the import. */
import * as RealmWeb from "realm-web"

const exposed = { RealmWeb }
export type Exposed = typeof exposed
Object.assign(globalThis, exposed)
