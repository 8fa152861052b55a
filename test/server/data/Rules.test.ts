/** Rules as they are compiled: what they let whom do with which document, and what is not understood. */
import { assert, describe, it } from "@effect/vitest"
import { ObjectId } from "bson"
import { Effect, Result } from "effect"
import * as Rules from "../../../src/server/data/Rules.ts"
import type { FunctionUser } from "../../../src/server/model/FunctionContext.ts"
import { accessOf as accessGiven, given, mayUpdate } from "./asking.ts"

const id = "5f0000000000000000000001"
const ada: FunctionUser = {
  id,
  type: "normal",
  data: { email: "ada@example.com" },
  customData: { team: "red", teams: ["red", "blue"], level: 3, nothing: null, oid: new ObjectId(id), pattern: /.*/ },
  identities: [{ id: "i", providerType: "local-userpass" }]
}
const bob: FunctionUser = { id: "5f0000000000000000000002", type: "normal", data: {}, customData: {}, identities: [] }

const all = { read: true, write: true, insert: true, delete: true }

const accessOf = (rule: unknown, user: FunctionUser) => accessGiven(rule, given(user))

const shown = (role: object, document: Record<string, unknown>, user = ada) =>
  accessOf({ roles: [role] }, user).shown(document)

describe("an expression", () => {
  it.each<readonly [unknown, Record<string, unknown>, ada: boolean, bob: boolean]>([
    [{}, {}, true, true],
    [true, {}, true, true],
    [false, {}, false, false],
    ["%%true", {}, true, true],
    [{ "%%true": true }, {}, true, true],
    [{ "%%true": false }, {}, false, false],
    [{ "%%false": "%%user.custom_data.x" }, {}, false, false],
    [{ "%%true": { "%or": [{ owner: "%%user.id" }, { public: true }] } }, { public: true }, true, true],
    [{ owner: "%%user.id" }, { owner: id }, true, false],
    [{ owner: "%%user.id" }, {}, false, false],
    [{ "%%root.owner": "%%user.id" }, { owner: id }, true, false],
    [{ "%%user.id": "%%root.owner" }, { owner: id }, true, false],
    [{ "%%user.id": { $in: "%%root.members" } }, { members: ["x", id] }, true, false],
    [{ "%%user.id": { "%nin": "%%root.members" } }, { members: ["x", id] }, false, true],
    [{ members: "%%user.id" }, { members: [id] }, true, false],
    [{ owner: { "%stringToOid": "%%user.id" } }, { owner: new ObjectId(id) }, true, false],
    [{ owner: { "%oidToString": "%%user.custom_data.oid" } }, { owner: id }, true, false],
    [{ owner: { $oid: id } }, { owner: new ObjectId(id) }, true, true],
    [{ "%%user.type": "normal" }, {}, true, true],
    [{ "%%user.data.email": "ada@example.com" }, {}, true, false],
    [{ "%%user.identities.provider_type": "local-userpass" }, {}, true, false],
    [{ "%%user.custom_data.teams": "blue" }, {}, true, false],
    [{ "%%user.custom_data.team": { $in: ["red", "green"] } }, {}, true, false],
    [{ "%%user.custom_data.team": { $ne: "red" } }, {}, false, true],
    [{ "%%user.custom_data.level": { $gt: 2, $lt: 4 } }, {}, true, false],
    [{ "%%user.custom_data.level": { "%exists": true } }, {}, true, false],
    [{ "%%user.custom_data.level": { $exists: false } }, {}, false, true],
    [{ team: { $in: "%%user.custom_data.teams" } }, { team: "blue" }, true, false],
    [{ team: { $nin: "%%user.custom_data.teams" } }, { team: "blue" }, false, true],
    [{ team: { $in: ["%%user.custom_data.team", "all"] } }, { team: "red" }, true, false],
    // a missing property of a user equals nothing, not even a missing field, and a pattern is not a value
    [{ team: "%%user.custom_data.nothing" }, {}, false, false],
    [{ team: "%%user.custom_data.pattern" }, { team: "x" }, false, false],
    [{ $or: [{ owner: "%%user.id" }, { n: { $gte: 2 } }] }, { n: 2 }, true, true],
    [{ $and: [{ owner: "%%user.id" }, { n: { $lte: 1 } }] }, { owner: id, n: 1 }, true, false],
    [{ "%not": { owner: "%%user.id" } }, { owner: id }, false, true],
    [{ $nor: [{ owner: "%%user.id" }] }, { owner: id }, false, true],
    [{ tag: { "%exists": true } }, { tag: 1 }, true, true],
    [{ owner: "%%user.id", kind: { $ne: "x" } }, { owner: id, kind: "x" }, false, false]
  ])("%j of %j holds: %s, and for another user: %s", (expression, document, forAda, forBob) => {
    for (const role of [
      { ...all, apply_when: expression },
      { ...all, document_filters: { read: expression, write: expression } },
      { read: expression }
    ]) {
      assert.strictEqual(shown(role, document) !== undefined, forAda)
      assert.strictEqual(shown(role, document, bob) !== undefined, forBob)
    }
  })
})

describe("a rule is not understood", () => {
  it.each<readonly [unknown, place: string, message: RegExp]>([
    [undefined, "", /document/],
    [{ roles: [] }, "roles", /role/],
    [{ roles: {} }, "roles", /array/],
    [{ roles: [{}], rules: 1 }, "rules", /"rules"/],
    [{ roles: [{ writes: true }] }, "roles[0].writes", /"writes"/],
    [
      { roles: [{ apply_when: { "%%true": { "%function": { name: "" } } } }] },
      "roles[0].apply_when.%%true.%function.name",
      /name of a function/
    ],
    [
      { roles: [{ apply_when: { "%function": { name: "f", arguments: { a: 1 } } } }] },
      "roles[0].apply_when.%function.arguments",
      /array/
    ],
    [
      { roles: [{ apply_when: { "%function": { name: "f", arguments: [{ $where: "x", b: 1 }] } } }] },
      "roles[0].apply_when.%function.arguments[0].$where",
      /"\$where"/
    ],
    [
      { roles: [{ apply_when: { "%function": { name: "f", arguments: ["%%unknown"] } } }] },
      "roles[0].apply_when.%function.arguments[0]",
      /"%%unknown"/
    ],
    [{ roles: [{ apply_when: { "%%values": 1 } }] }, "roles[0].apply_when.%%values", /"%%values"/],
    [{ roles: [{ apply_when: { "%%args.0": 1 } }] }, "roles[0].apply_when.%%args.0", /"%%args.0"/],
    [{ roles: [{ apply_when: { "%%environment.x": 1 } }] }, "roles[0].apply_when.%%environment.x", /environment/],
    [{ roles: [{ apply_when: { "%%request.body": 1 } }] }, "roles[0].apply_when.%%request.body", /request/],
    [{ roles: [{ apply_when: { "%%partition": "x" } }] }, "roles[0].apply_when.%%partition", /"%%partition"/],
    [{ roles: [{ apply_when: { "%%root": "x" } }] }, "roles[0].apply_when.%%root", /whole document/],
    // inherited properties of JavaScript objects are not fields
    [{ roles: [{ apply_when: { constructor: { $exists: true } } }] }, "roles[0].apply_when.constructor", /field name/],
    [{ roles: [{ apply_when: { "a.toString": 1 } }] }, "roles[0].apply_when.a.toString", /field name/],
    [{ roles: [{ apply_when: { a: "%%root.__proto__.b" } }] }, "roles[0].apply_when.a", /field name/],
    [JSON.parse('{"roles":[{"apply_when":{"__proto__":{"$exists":true}}}]}'), "roles[0].apply_when.__proto__", /field/],
    [JSON.parse('{"roles":[{"__proto__":{}}]}'), "roles[0].__proto__", /key/],
    [{ roles: [{ apply_when: { "%%root.%%prevRoot.a": 1 } }] }, "roles[0].apply_when.%%root.%%prevRoot.a", /field/],
    [{ roles: [{ apply_when: { owner: "%%users.id" } }] }, "roles[0].apply_when.owner", /"%%users.id"/],
    [{ roles: [{ apply_when: { owner: "%%user" } }] }, "roles[0].apply_when.owner", /more than a value/],
    [{ roles: [{ apply_when: { "%%user.data": "x" } }] }, "roles[0].apply_when.%%user.data", /more than a value/],
    [{ roles: [{ apply_when: { owner: "%%user.profile" } }] }, "roles[0].apply_when.owner", /expansion/],
    [
      { roles: [{ additional_fields: { write: { "%%prev": "%%user.id" } } }] },
      "roles[0].additional_fields.write.%%prev",
      /"%%prev"/
    ],
    [{ roles: [{ apply_when: { a: { $regex: "(" } } }] }, "roles[0].apply_when.a.$regex", /pattern/],
    [
      { roles: [{ apply_when: { a: { $regex: "%%user.id" }, b: 1 } }, { read: { c: { $options: "i" } } }] },
      "roles[1].read.c.$options",
      /\$options/
    ],
    [{ roles: [{ apply_when: { a: { $regex: "x", $options: "g" } } }] }, "roles[0].apply_when.a.$regex", /pattern/],
    [{ roles: [{ apply_when: { a: { $size: "1" } } }] }, "roles[0].apply_when.a.$size", /size/],
    [{ roles: [{ apply_when: { a: { $elemMatch: {} } } }] }, "roles[0].apply_when.a.$elemMatch", /conditions/],
    [
      { roles: [{ apply_when: { a: { $elemMatch: { b: "%%root.c" } } } }] },
      "roles[0].apply_when.a.$elemMatch.b",
      /"%%root.c"/
    ],
    [{ roles: [{ apply_when: { a: { "%exists": "yes" } } }] }, "roles[0].apply_when.a.%exists", /boolean/],
    [{ roles: [{ apply_when: { a: { $ne: 1, $where: "x" } } }] }, "roles[0].apply_when.a.$where", /"\$where"/],
    [{ roles: [{ apply_when: { a: { "%stringToDate": "%%user.id" } } }] }, "roles[0].apply_when.a", /%stringToDate/],
    [{ roles: [{ apply_when: { a: { "%stringToUuid": "x" } } }] }, "roles[0].apply_when.a", /%stringToUuid/],
    [{ roles: [{ apply_when: { $expr: {} } }] }, "roles[0].apply_when.$expr", /"\$expr"/],
    [{ roles: [{ apply_when: "yes" }] }, "roles[0].apply_when", /other than true, false or a document/],
    [{ roles: [{ insert: "yes" }] }, "roles[0].insert", /other than true, false or a document/],
    [{ roles: [{ document_filters: { search: true } }] }, "roles[0].document_filters.search", /"search"/],
    [{ roles: [{ fields: { a: { read: "false" } } }] }, "roles[0].fields.a.read", /other than true, false/],
    [{ roles: [{ fields: { a: { read: { x: { $not: {} } } } } }] }, "roles[0].fields.a.read.x.$not", /empty/],
    [{ roles: [{ apply_when: { a: ["%%root.b"] } }] }, "roles[0].apply_when.a[0]", /field of the document/],
    [{ roles: [{ apply_when: { a: { b: "%%unknown" } } }] }, "roles[0].apply_when.a.b", /"%%unknown"/],
    [{ roles: [{ fields: { a: true } }] }, "roles[0].fields.a", /field permission/],
    [{ roles: [{}], filters: [{ apply_when: { owner: 1 } }] }, "filters[0].apply_when.owner", /document/],
    [{ roles: [{}], filters: [{ projection: { a: "$b" } }] }, "filters[0].projection.a", /projection/],
    [{ roles: [{}], filters: [{ project: { a: 1 }, projection: { b: 1 } }] }, "filters[0].project", /second/],
    [{ roles: [{}], filters: [{ projection: { _id: 0 } }] }, "filters[0].projection._id", /_id/]
  ])("%j", (rule, place, message) => {
    const compiled = Rules.compile(rule)
    // a role is closed alone, unless it is the only one
    const problem = Result.isFailure(compiled) ? compiled.failure : compiled.success.closed[0]?.problem
    assert.strictEqual(problem?.place, place)
    assert.match(problem.message, message)
  })

  it("says what each part does that is closed", () => {
    const { closed } = Result.getOrThrow(
      Rules.compile({
        roles: [
          { name: "first", read: true, write: "yes", document_filters: { read: {}, write: { $where: "1" } } },
          { name: "second", fields: { a: { write: "true" }, b: true }, additional_fields: { read: { x: "%%none" } } },
          { name: "third", fields: { "a.b": {} } },
          { name: "fourth", everything: true },
          { name: "fifth", apply_when: { "%%none": 1 }, read: true },
          { name: "sixth", read: true }
        ]
      })
    )
    assert.deepStrictEqual(
      closed.map(({ consequence, problem }) => `${problem.place}: ${consequence}`),
      [
        "roles[0].document_filters.write.$where: it does not hold",
        "roles[0].write: it does not hold",
        "roles[1].fields.a.write: it does not allow to write the field",
        "roles[1].fields.b: it allows nothing of it",
        "roles[1].additional_fields.read.x: it does not allow to read the field",
        "roles[2].fields.a.b: it allows no field",
        "roles[3].everything: the role allows nothing",
        "roles[4].apply_when.%%none: the role allows nothing, and neither do those behind it"
      ]
    )
  })
})

describe("a condition that cannot be meant", () => {
  // a key that is not an operator is the name of a field, which a document does not have
  it.each<readonly [unknown]>([
    [{ "!=": ["%%user.id", "x"] }],
    [{ allOf: [{ owner: "%%user.id" }, { "%%user.custom_data.team": "red" }] }],
    [{ owner: { id: "%%user.id" } }],
    [{ apply_when: { owner: "%%user.id" } }],
    [{ owner: {} }],
    [{ owner: { id: "%%user.custom_data.none" } }]
  ])("%j does not hold, and the next role decides", (expression) => {
    const roles = [
      { apply_when: expression, ...all },
      { apply_when: { public: true }, read: true }
    ]
    assert.deepStrictEqual(Result.getOrThrow(Rules.compile({ roles })).closed, [])
    const access = accessOf({ roles }, ada)
    assert.deepStrictEqual(access.shown({ owner: id, public: true }), { owner: id, public: true })
    assert.isFalse(access.mayDelete({ owner: id, public: true }))
    assert.isUndefined(access.shown({ owner: id }))
  })

  it("holds for the value that is written", () => {
    for (const [expression, document] of [
      [{ owner: { id: "%%user.id", n: 1 } }, { owner: { id, n: 1 } }],
      [{ tags: ["a", "%%user.custom_data.team"] }, { tags: ["a", "red"] }],
      [{ owner: {} }, { owner: {} }],
      [{ by: { ref: { $oid: id } } }, { by: { ref: new ObjectId(id) } }],
      [{ "%%user.custom_data.teams": ["red", "blue"] }, {}]
    ] as const) {
      assert.deepStrictEqual(shown({ apply_when: expression, read: true }, document), document)
    }
    assert.isUndefined(shown({ apply_when: { "%%user.custom_data.teams": ["blue", "red"] }, read: true }, {}))
  })
})

describe("the permission of a field with fields", () => {
  const access = (address: object) => accessOf({ roles: [{ fields: { address } }] }, ada)
  const document = { address: { city: "x", zip: 1 }, other: 1 }
  const writes = (address: object, path: string) =>
    mayUpdate(access(address), document, { ...document, address: { ...document.address, [path]: 9 } }, [
      `address.${path}`
    ])

  it("covers everything below it", () => {
    const zip = { fields: { zip: { write: true } } }
    assert.deepStrictEqual(access({ read: true, ...zip }).shown(document), { address: document.address })
    assert.isTrue(writes({ read: true, ...zip }, "zip"))
    assert.isFalse(writes({ read: true, ...zip }, "city"))
    assert.isTrue(writes({ write: true, fields: { zip: { read: true } } }, "city"))
    assert.isTrue(writes({ write: { "%%user.id": id }, fields: { zip: { read: true } } }, "zip"))
    assert.isFalse(writes({ read: true, write: { "%%user.id": "x" }, ...zip }, "city"))
    assert.deepStrictEqual(access({ read: false, write: false, ...zip }).shown(document), { address: { zip: 1 } })
    assert.deepStrictEqual(access({ read: { "address.zip": 2 }, ...zip }).shown(document), { address: { zip: 1 } })
    assert.isFalse(access({ read: true, ...zip }).showsAll({ address: {} }))
    assert.isFalse(access({ read: true, ...zip }).hides(document, ["address"]))
  })

  it("covers the field as a value, too", () => {
    const all = accessOf({ roles: [{ fields: { a: { write: true, fields: { b: { read: true } } } } }] }, ada)
    assert.isTrue(all.mayInsert({ a: 1 }))
    assert.isTrue(all.mayInsert({ a: { b: 1, c: 2 } }))
    assert.isFalse(all.mayInsert({ c: 1 }))
    assert.isTrue(mayUpdate(all, { a: { b: 1 } }, { a: 5 }, ["a"]))
  })
})

describe("a role", () => {
  const mine = { owner: id, a: 1 }
  const theirs = { owner: "x", a: 1 }

  it("is the first that applies to the user and the document", () => {
    const rule = { roles: [{ ...all, apply_when: { owner: "%%user.id" } }, { apply_when: { a: 1 } }, { read: true }] }
    const access = accessOf(rule, ada)
    assert.deepStrictEqual(access.shown(mine), mine)
    assert.isUndefined(access.shown(theirs))
    assert.deepStrictEqual(access.shown({ a: 2 }), { a: 2 })
    assert.isFalse(access.mayDelete({ a: 2 }))
    assert.isTrue(access.mayDelete(mine))
  })

  it.each<readonly [object, read: boolean, insert: boolean, update: boolean, remove: boolean]>([
    [{}, false, false, false, false],
    [all, true, true, true, true],
    [{ write: true }, true, true, true, true],
    [{ ...all, read: false }, false, true, false, false],
    [{ ...all, write: false }, true, false, false, false],
    [{ ...all, insert: false }, true, false, true, true],
    [{ ...all, delete: false }, true, true, true, false],
    [{ ...all, document_filters: { read: true } }, true, false, false, false],
    [{ ...all, document_filters: { write: true } }, true, true, true, true],
    [{ ...all, document_filters: { read: true, write: { owner: "%%user.id" } } }, true, true, true, true],
    [{ ...all, document_filters: { read: true, write: { owner: "x" } } }, true, false, false, false],
    [{ fields: { a: { read: true } } }, true, false, false, false],
    [{ fields: { a: { write: true } } }, true, false, true, false],
    [{ additional_fields: { write: true } }, true, true, true, true]
  ])("%j reads %s, inserts %s, updates %s, deletes %s", (role, ...expected) => {
    const access = accessOf({ roles: [role] }, ada)
    assert.deepStrictEqual(
      [
        access.shown(mine) !== undefined,
        access.mayInsert(mine),
        mayUpdate(access, mine, { ...mine, a: 2 }, ["a"]),
        access.mayDelete(mine)
      ],
      expected
    )
  })

  it("does not allow giving a document away", () => {
    for (const role of [
      { ...all, apply_when: { owner: "%%user.id" } },
      { ...all, document_filters: { read: true, write: { owner: "%%user.id" } } }
    ]) {
      assert.isFalse(mayUpdate(accessOf({ roles: [role] }, ada), mine, theirs, ["owner"]))
      assert.isFalse(mayUpdate(accessOf({ roles: [role] }, ada), theirs, mine, ["owner"]))
    }
  })

  it("shows and changes the fields it names", () => {
    const role = {
      fields: { a: { read: true }, b: { fields: { c: { write: true } }, additional_fields: { read: true } } },
      additional_fields: { read: false }
    }
    const document = { _id: 1, a: 1, b: { c: 1, d: 1 }, e: 1 }
    assert.deepStrictEqual(shown(role, document), { _id: 1, a: 1, b: { c: 1, d: 1 } })
    assert.deepStrictEqual(shown(role, { b: [{ c: 1 }, 2] }), { b: [{ c: 1 }] })
    const access = accessOf({ roles: [role] }, ada)
    const changed = { ...document, b: { c: 2, d: 1 } }
    assert.isTrue(mayUpdate(access, document, changed, ["b.c"]))
    assert.isFalse(mayUpdate(access, document, changed, undefined))
    assert.isFalse(mayUpdate(access, document, document, ["e"]))
    assert.isFalse(mayUpdate(access, document, { ...document, b: { c: 1 } }, ["b.c"]))
    assert.isFalse(mayUpdate(access, document, { ...document, e: 2 }, ["b.c"]))
    assert.isFalse(access.hides(document, ["a", "b.d"]))
    for (const hidden of ["b", "e", "e.f", "b.c.$"])
      assert.strictEqual(access.hides(document, [hidden]), hidden !== "b.c.$")
  })

  it.effect("is everything where nothing limits it", () =>
    Effect.sync(() => {
      assert.isTrue(accessOf({ roles: [all] }, ada).everything)
      assert.isFalse(accessOf({ roles: [all], filters: [{ query: { owner: "%%user.id" } }] }, ada).everything)
      assert.isFalse(
        accessOf({ roles: [{ ...all, document_filters: { read: { a: 1 }, write: true } }] }, ada).everything
      )
    })
  )
})

describe("a filter", () => {
  it("narrows what is read where it applies", () => {
    const rule = {
      roles: [all],
      filters: [{ name: "f", apply_when: { "%%user.custom_data.team": "red" }, query: { owner: "%%user.id" } }]
    }
    assert.isUndefined(accessOf(rule, ada).shown({ owner: "x" }))
    assert.isDefined(accessOf(rule, ada).shown({ owner: id }))
    assert.isDefined(accessOf(rule, bob).shown({ owner: "x" }))
  })

  it("hides fields, by either name of its projection", () => {
    for (const key of ["projection", "project"]) {
      const access = accessOf({ roles: [all], filters: [{ [key]: { secret: 0 } }] }, ada)
      assert.deepStrictEqual(access.shown({ _id: 1, secret: 1, shown: 1 }), { _id: 1, shown: 1 })
      assert.isTrue(access.partial)
    }
  })
})
