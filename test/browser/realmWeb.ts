/** A page of a program before it changes the import. */
import * as RealmWeb from "realm-web"

Object.assign(globalThis, { RealmWeb })
