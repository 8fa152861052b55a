/** A page of a program before it changes the import. */
import * as RealmWeb from "realm-web"

const exposed = { RealmWeb }
Object.assign(globalThis, exposed)

declare global {
  var RealmWeb: (typeof exposed)["RealmWeb"]
}
