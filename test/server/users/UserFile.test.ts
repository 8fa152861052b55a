import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { UserStore } from "../../../src/server/users/UserStore.ts"
import * as UserFile from "../../../src/server/users/UserFile.ts"

const hash = `$scrypt$ln=4,r=1,p=1$${"A".repeat(22)}$${"B".repeat(43)}`
const id = (n: number) => n.toString(16).padStart(24, "0")
const ada = {
  id: id(1),
  type: "normal",
  disabled: true,
  createdAt: "2026-01-31T12:00:00.123Z",
  identities: [
    { id: "anon-1", providerType: "anon-user", data: {} },
    { id: id(2), providerType: "local-userpass", data: { email: "ada@example.com" } },
    { id: "jwt|1", providerType: "custom-token", data: { name: "Ada", tags: [1, { a: null }] } }
  ],
  account: { id: id(2), email: "ada@example.com", confirmed: true, passwordHash: hash },
  apiKeys: [{ id: id(3), name: "ci", digest: "a".repeat(64), disabled: true }],
  pushRegistrations: [{ service: "gcm", deviceId: id(4), token: "push token" }]
}
const bob = {
  id: id(5),
  type: "server",
  disabled: false,
  createdAt: "1970-01-01T00:00:00.000Z",
  identities: [{ id: id(6), providerType: "local-userpass", data: { email: "\ud800 bob@example.com" } }],
  account: { id: id(6), email: "\ud800 bob@example.com", confirmed: false },
  apiKeys: [],
  pushRegistrations: []
}
const pending = {
  type: "pending",
  account: { id: id(7), email: "eve@example.com", confirmed: false, passwordHash: hash }
}

const problem = (...lines: ReadonlyArray<unknown>) =>
  Effect.map(
    Effect.flip(
      UserFile.read("a", lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"))
    ),
    (error) => {
      assert.notInclude(JSON.stringify(error), "secret")
      return error.message
    }
  )

describe("UserFile", () => {
  it.effect("writes what it read, through a store of users", () =>
    Effect.gen(function* () {
      const lines = [ada, bob, pending].map((line) => JSON.stringify(line))
      const store = yield* UserStore
      const read = yield* UserFile.read("my-app", lines.join("\n"))
      yield* store.addRecords(
        "my-app",
        read.map(({ record }) => record)
      )
      assert.deepStrictEqual(yield* UserFile.write(yield* store.records("my-app")), lines)
      const [first] = yield* store.users("my-app")
      assert.strictEqual(first.createdAt, Date.parse(ada.createdAt))
      for (const { providerId } of first.identities) assert.match(providerId, /^[0-9a-f]{24}$/)
    }).pipe(Effect.provide(UserStore.layerMemory))
  )

  it.effect("takes what need not be said for what is usual, and lines as people's editors leave them", () =>
    Effect.gen(function* () {
      const least = {
        id: id(1),
        type: "normal",
        createdAt: "2026-01-31T12:00:00Z",
        identities: [{ id: id(2), providerType: "local-userpass" }],
        account: { email: "ada@example.com", confirmed: true }
      }
      const read = yield* UserFile.read("a", `\ufeff\r\n${JSON.stringify(least)}\r\n\n`)
      assert.strictEqual(read.length, 1)
      const [{ line, record }] = read
      assert.strictEqual(line, 2)
      assert.strictEqual(record.account?.id, id(2))
      assert.deepStrictEqual(record.user?.identities[0].data, { email: "ada@example.com" })
      assert.isFalse(record.user?.disabled)
      assert.strictEqual(Redacted.value(record.account!.passwordHash), "*")
    })
  )

  it.effect("names the line and the field of what is wrong, and no secret", () =>
    Effect.gen(function* () {
      const account = (change: object) => ({ ...ada, account: { ...ada.account, ...change } })
      const key = (change: object) => ({ ...ada, apiKeys: [{ ...ada.apiKeys[0], ...change }] })
      const cases: ReadonlyArray<readonly [unknown, RegExp]> = [
        ['{"id": "secret', /^line 2: is not JSON/],
        ["null", /^line 2: Expected/],
        [[ada], /^line 2: /],
        [{ ...ada, id: "secret" }, /^line 2: id: expected an id of 24 hexadecimal digits$/],
        [{ ...ada, type: "secret" }, /^line 2: type: /],
        [{ ...ada, createdAt: "secret" }, /^line 2: createdAt: /],
        [{ ...ada, identities: [] }, /^line 2: identities/],
        [{ ...ada, identities: [{ id: "1", providerType: "secret" }] }, /^line 2: identities\.0\.providerType: /],
        [{ ...ada, passwrd: "secret" }, /^line 2: passwrd: /],
        [
          account({ passwordHash: "secret" }),
          /^line 2: account\.passwordHash: is not a hash that is known: .* resets the password$/
        ],
        [
          account({ passwordHash: `$2b$15$${"a".repeat(53)}` }),
          /^line 2: account\.passwordHash: is a hash by bcrypt of cost 15: expected 4 to 14/
        ],
        [account({ confirmed: "yes" }), /^line 2: account\.confirmed: /],
        [account({ id: id(9) }), /^line 2: account\.id: is not the id of the identity/],
        [{ ...ada, account: undefined }, /^line 2: account: is missing/],
        [
          { ...ada, identities: [ada.identities[0]] },
          /^line 2: identities: must contain one of local-userpass for the account/
        ],
        [
          { ...ada, identities: [ada.identities[1], ada.identities[1]] },
          /^line 2: identities: must contain at most one/
        ],
        [key({ digest: "secret" }), /^line 2: apiKeys\.0\.digest: expected a SHA-256 digest of 64 hexadecimal digits$/],
        [key({ name: "a b" }), /^line 2: apiKeys\.0\.name: expected only/],
        [
          { ...ada, apiKeys: [ada.apiKeys[0], { ...ada.apiKeys[0], id: id(8) }] },
          /^line 2: apiKeys\.1\.name: is the name of another key of the user: give each its own$/
        ],
        [{ ...pending, account: { email: "a", confirmed: true } }, /^line 2: account\.id: is missing$/],
        [{ ...pending, id: id(9) }, /^line 2: id: /]
      ]
      for (const [line, message] of cases) assert.match(yield* problem(bob, line, "never reached"), message)
    })
  )

  it.effect("reads users as the hosted service listed them, in an array or in lines", () =>
    Effect.gen(function* () {
      const listed = {
        _id: id(1),
        identities: [
          { id: id(2), provider_type: "local-userpass", provider_id: id(8), provider_data: { email: "ada@b.c" } },
          { id: "g-1", provider_type: "oauth2-google", provider_id: id(9), provider_data: { email: "ada@g.c" } }
        ],
        type: "normal",
        creation_date: 1_600_000_000,
        last_authentication_date: 1_700_000_000,
        disabled: true,
        data: { email: "ada@b.c", name: "Ada" },
        custom_data: { color: "blue" }
      }
      const anonymous = {
        _id: { $oid: "5f5e1000bcf86cd799439011" },
        identities: [{ id: "anon", provider_type: "anon-user", provider_id: id(7) }],
        type: "normal",
        data: {}
      }
      const array = yield* UserFile.read("a", JSON.stringify([listed, anonymous], undefined, 2))
      const lines = yield* UserFile.read("a", `${JSON.stringify(listed)}\n\n${JSON.stringify(anonymous)}\n`)
      assert.deepStrictEqual(
        [array, lines].map((read) => read.map(({ line }) => line)),
        [
          [1, 2],
          [1, 3]
        ]
      )
      assert.deepStrictEqual(
        array.map(({ record }) => record),
        lines.map(({ record }) => record)
      )
      const [{ record: ada }, { record: other }] = array
      assert.deepInclude(ada.user, { id: id(1), type: "normal", disabled: true, createdAt: 1_600_000_000_000 })
      assert.deepStrictEqual(
        ada.user?.identities.map(({ data, id, providerType }) => ({ id, providerType, data })),
        [
          { id: id(2), providerType: "local-userpass", data: { email: "ada@b.c" } },
          { id: "g-1", providerType: "oauth2-google", data: { email: "ada@g.c" } }
        ]
      )
      assert.deepInclude(ada.account, { id: id(2), email: "ada@b.c", confirmed: true })
      assert.strictEqual(Redacted.value(ada.account!.passwordHash), "*", "it has no password")
      // an id begins with the time of its creation
      assert.strictEqual(other.user?.createdAt, 0x5f5e1000 * 1000)

      const failures: ReadonlyArray<readonly [object, RegExp]> = [
        [{ ...listed, identities: [] }, /^line 2: identities/],
        [{ ...listed, identities: [{ ...listed.identities[0], provider_type: "x" }] }, /identities\.0\.provider_type/],
        [
          { ...listed, data: {}, identities: [{ id: id(2), provider_type: "local-userpass" }] },
          /^line 2: data\.email: is missing/
        ],
        [{ ...listed, _id: "x" }, /^line 2: id: expected an id of 24/],
        [{ ...listed, creation_date: "yesterday" }, /^line 2: creation_date: is not a date$/]
      ]
      for (const [line, message] of failures) {
        const { message: said } = yield* Effect.flip(UserFile.read("a", `\n${JSON.stringify(line)}`))
        assert.match(said, message)
      }
      const cut = yield* Effect.flip(UserFile.read("a", '[{"_id": 1'))
      assert.match(cut.message, /is not JSON: check that the file is complete/)
    })
  )
})
