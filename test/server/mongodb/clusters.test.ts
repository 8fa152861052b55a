import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { hostsOf } from "../../../src/server/mongodb/internal/clusters.ts"

describe("the hosts of a connection string", () => {
  for (const [uri, hosts] of [
    ["mongodb://ada:secret@one:1,two:2/d?replicaSet=rs0", "one:1,two:2"],
    ["mongodb+srv://ada:secret@c.example.net", "c.example.net"],
    ["mongodb://one", "one"],
    // options can be secrets, too
    ["mongodb://ada@one:1?tlsCertificateKeyFilePassword=secret", "one:1"],
    // passwords that are not escaped, which the driver refuses
    ["mongodb://ada:sec/ret@one/d", "?"],
    ["mongodb://ada:sec?ret@one/d", "?"],
    ["mongodb://ada:sec@ret@one/d", "?"],
    ["ada:secret", "?"]
  ] as const) {
    it(`leave out what is secret: ${uri}`, () => {
      assert.strictEqual(hostsOf(Redacted.make(uri)), hosts)
    })
  }
})
