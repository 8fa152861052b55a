/** The expressions of rules: about the caller, a change, and the results of functions. */
import { assert, describe, it } from "@effect/vitest"
import { ObjectId, UUID } from "bson"
import { Effect, Redacted, Result, Schema } from "effect"
import { DatabaseError } from "effect-app-services/server/data/Database"
import * as Rules from "../../../src/server/data/Rules.ts"
import type { FunctionUser } from "../../../src/server/model/FunctionContext.ts"
import { accessOf, given, mayUpdate, stranger } from "./asking.ts"

const id = "5f0000000000000000000001"
const uuid = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
const ada: FunctionUser = {
  id,
  type: "normal",
  data: { email: "ada@example.com" },
  customData: { scores: [1, 5], team: "red", uuid: new UUID(uuid), places: [{ name: "Paris", level: 2 }] },
  identities: [{ id: "i", providerType: "local-userpass" }]
}
const asked = given(ada, {
  request: {
    remoteIPAddress: "127.0.0.1",
    httpMethod: "POST",
    httpUserAgent: undefined,
    httpReferrer: "http://localhost/",
    rawQueryString: "",
    requestHeaders: { "x-key": ["open"], "x-many": ["a", "b"] },
    service: "web"
  },
  values: new Map<string, unknown>([
    ["admins", [id, "x"]],
    ["limits", { low: 1, high: 4 }],
    ["secret", Redacted.make("hush")]
  ]),
  environment: { tag: "testing", values: new Map<string, unknown>([["region", { name: "eu" }]]) }
})

const all = { read: true, write: true }
const reads = (expression: unknown, document: Record<string, unknown>, who = asked) =>
  accessOf({ roles: [{ apply_when: expression, ...all }] }, who).shown(document) !== undefined

describe("an expression about", () => {
  it.each<readonly [unknown, Record<string, unknown>, boolean]>([
    [{ "%%user.id": { $in: "%%values.admins" } }, {}, true],
    [{ "%%user.id": { "%in": "%%values.none" } }, {}, false],
    [{ n: { $gte: "%%values.limits.low", $lt: "%%values.limits.high" } }, { n: 1 }, true],
    [{ n: { $gte: "%%values.limits.low", $lt: "%%values.limits.high" } }, { n: 4 }, false],
    [{ word: "%%values.secret" }, { word: "hush" }, true],
    [{ "%%environment.tag": "testing" }, {}, true],
    [{ "%%environment.values.region.name": { $ne: "us" } }, {}, true],
    [{ "%%environment.values.none": { "%exists": true } }, {}, false],
    [{ "%%request.remoteIPAddress": { $in: ["127.0.0.1"] } }, {}, true],
    [{ "%%request.httpMethod": "GET" }, {}, false],
    [{ "%%request.httpUserAgent": { "%exists": 0 } }, {}, true],
    [{ "%%request.requestHeaders.X-Key": "open" }, {}, true],
    [{ key: "%%request.requestHeaders.x-key" }, { key: "open" }, true],
    [{ "%%request.requestHeaders.x-many": { $all: ["a", "b"] } }, {}, true],
    [{ "%%request.requestHeaders.x-none": { "%exists": false } }, {}, true],
    [{ "%%request.service": "web", "%%request.action": { "%exists": false } }, {}, true],
    [{ agent: "%%request.httpUserAgent" }, {}, false],
    [{ "%%user.identities.providerType": "local-userpass" }, {}, true],
    [{ "%%user.custom_data": { "%exists": true } }, {}, true],
    [{ "%%user.custom_data.scores": { $all: [1, 5] } }, {}, true],
    [{ "%%user.custom_data.scores": { $all: [1, 2] } }, {}, false],
    [{ "%%user.custom_data.scores": { $size: 2 } }, {}, true],
    [{ "%%user.custom_data.scores": { $elemMatch: { $gt: 2, $lt: 5 } } }, {}, false],
    [{ "%%user.custom_data.places": { $elemMatch: { name: "Paris", level: { $gte: 2 } } } }, {}, true],
    [{ "%%user.data.email": { $regex: "@EXAMPLE\\.com$", $options: "i" } }, {}, true],
    [
      { members: { $elemMatch: { user: "%%user.id", role: { $in: ["a", "b"] } } } },
      { members: [{ user: id, role: "b" }] },
      true
    ],
    [{ members: { $elemMatch: { user: "%%user.id", role: "a" } } }, { members: [{ user: id }, { role: "a" }] }, false],
    [{ members: { $elemMatch: { user: "%%user.custom_data.none" } } }, { members: [{}] }, false],
    [{ n: { $elemMatch: { $gt: "%%values.limits.high" } } }, { n: [1, 5] }, true],
    [{ n: { $elemMatch: { $gt: "%%values.limits.none" } } }, { n: [1, 5] }, false],
    [{ tags: { $size: 1 } }, { tags: ["a"] }, true],
    [{ name: { $regex: "^a" } }, { name: "b" }, false],
    [{ n: { "%and": [{ $gt: 0 }, { $lte: 42 }] } }, { n: 42 }, true],
    [{ n: { "%or": [{ $lt: 0 }, { $gt: 42 }] } }, { n: 42 }, false],
    [{ n: { "%nor": [{ $lt: 0 }, { $gt: 42 }] } }, { n: 42 }, true],
    [{ n: { "%not": { $gt: 41 } } }, { n: 42 }, false],
    [{ u: { "%stringToUuid": uuid } }, { u: new UUID(uuid) }, true],
    [{ u: { "%uuidToString": "%%user.custom_data.uuid" } }, { u: uuid }, true],
    [{ text: { "%oidToString": "%%root._id" } }, { _id: new ObjectId(id), text: id }, true],
    [{ text: { "%oidToString": "%%root._id" } }, { _id: id, text: id }, false],
    // a string is not an object id
    [{ owner: "%%user.id" }, { owner: new ObjectId(id) }, false],
    [{ a: "%%root.b" }, { a: 1, b: 1 }, true],
    [{ a: "%%root.b" }, { a: 1, b: 2 }, false],
    [{ a: "%%root.b" }, {}, false],
    [{ a: "%%root.b" }, { a: null, b: null }, false],
    [{ "%%root.a": { $gt: "%%root.b" } }, { a: 2, b: 1 }, true],
    [{ "%%root.a": { $in: "%%root.b" } }, { a: 2, b: [1, 2] }, true],
    [{ a: null }, {}, true],
    [{ a: { $ne: null } }, {}, false],
    // names that the server uses internally are not fields of documents
    [{ "%%prevRoot.owner": "x" }, { "%%prevRoot": { owner: "x" } }, false],
    [{ a: "%%root.b" }, { "%%computed": { c0: true } }, false],
    [{ "%%root": { "%exists": true } }, {}, true]
  ])("%j holds for %j: %s", (expression, document, expected) => {
    assert.strictEqual(reads(expression, document), expected)
    assert.strictEqual(reads({ "%not": expression }, document), !expected)
  })

  it("a missing property matches nothing, on either side", () => {
    const missing = [
      "%%user.custom_data.none",
      "%%user.data.none.deeper",
      "%%user.identities.id",
      "%%user.custom_data.constructor",
      "%%user.custom_data.__proto__",
      "%%values.none",
      "%%environment.values.none",
      "%%request.remoteIPAddress"
    ]
    const operators = ["$eq", "$gt", "$gte", "$lt", "$lte", "$in", "$all", "%eq", "%in"]
    for (const expansion of missing) {
      for (const document of [{}, { a: null }, { a: 1 }, { a: [] }, { a: [null] }]) {
        for (const expression of [
          { a: expansion },
          { [expansion]: "%%root.a" },
          { [expansion]: expansion },
          { a: { $in: [expansion] } },
          { "%%true": expansion },
          { "%%false": expansion },
          ...operators.flatMap((operator) => [
            { a: { [operator]: expansion } },
            { [expansion]: { [operator]: expansion } }
          ])
        ]) {
          assert.isFalse(reads(expression, document, given(stranger)), JSON.stringify([expression, document]))
        }
      }
    }
  })

  const names = new Set([
    ..."eq ne gt gte lt lte in nin all exists and or nor not function stringToOid oidToString".split(" "),
    ..."stringToUuid uuidToString elemMatch size regex options".split(" ")
  ])
  it.effect.prop(
    "anything unknown closes what it decides about",
    { name: Schema.String, value: Schema.Json },
    ({ name, value }) =>
      Effect.sync(() => {
        if (names.has(name)) return
        const expressions = [
          { [`%${name}`]: value },
          { [`$${name}`]: value },
          { [`%%x${name}`]: value },
          { a: `%%x${name}` },
          { a: { [`$x${name}`]: value } },
          { a: { $eq: 1, [`%${name}`]: value } },
          { a: { $in: [`%%x${name}`] } },
          { "%or": [true, { [`%x${name}`]: value }] }
        ]
        for (const expression of expressions) {
          for (const rule of [
            { roles: [{ apply_when: expression, ...all }] },
            { roles: [{ apply_when: expression, ...all }, { apply_when: expression }] },
            { roles: [all], filters: [{ query: expression }] }
          ]) {
            assert.isTrue(Result.isFailure(Rules.compile(rule)), JSON.stringify(rule))
          }
          const closedBy = (role: object) => {
            const access = accessOf({ roles: [role, all] }, asked)
            assert.lengthOf(Result.getOrThrow(Rules.compile({ roles: [role, all] })).closed, 1, JSON.stringify(role))
            return access
          }
          // roles behind one whose condition is unknown must not get its documents
          assert.isUndefined(closedBy({ apply_when: expression, ...all }).shown({ a: 1 }))
          assert.isUndefined(closedBy({ ...all, document_filters: { read: expression, write: true } }).shown({ a: 1 }))
          assert.isUndefined(closedBy({ ...all, read: expression }).shown({ a: 1 }))
          assert.isFalse(closedBy({ ...all, insert: expression }).mayInsert({ a: 1 }))
          assert.isFalse(closedBy({ ...all, delete: expression }).mayDelete({ a: 1 }))
          assert.isFalse(mayUpdate(closedBy({ read: true, write: expression }), { a: 1 }, { a: 2 }, ["a"]))
          const part = closedBy({ fields: { a: { read: expression }, b: { read: true } } })
          assert.deepStrictEqual(part.shown({ a: 1, b: 1 }), { b: 1 })
        }
      })
  )

  it.effect.prop("no rule is too strange to be read or refused", { rule: Schema.Json }, ({ rule }) =>
    Effect.sync(() => {
      for (const input of [rule, { roles: rule }, { roles: [rule] }, { roles: [{ apply_when: rule, read: true }] }]) {
        const compiled = Rules.compile(input)
        if (Result.isFailure(compiled)) assert.isString(compiled.failure.message)
        else Effect.runSync(compiled.success.accessOf(asked)).shown({ a: 1 })
      }
    })
  )
})

describe("a change", () => {
  const mine = { _id: 1, owner: id, status: "draft" }
  const update = (role: object, after: object, paths: ReadonlyArray<string> = ["status"]) =>
    mayUpdate(accessOf({ roles: [{ read: true, ...role }] }, asked), mine, { ...mine, ...after }, paths)

  it("is one from what a document was to what it becomes", () => {
    const write = { "%%prevRoot.status": "draft", status: "final" }
    assert.isTrue(update({ write }, { status: "final" }))
    assert.isFalse(update({ write }, { status: "draft", n: 1 }))
    assert.isFalse(update({ write: { ...write, owner: "x" } }, { status: "final", owner: "x" }))
    // a rule that tells of the owner alone means the one before, too
    const taking = { owner: "y", "%%prevRoot.status": "draft" }
    assert.isFalse(update({ write: taking }, { owner: "y" }, ["owner"]))
    assert.isTrue(update({ write: { "%%prevRoot.owner": "%%root.owner" } }, { status: "final" }))
    assert.isFalse(update({ write: { "%%prevRoot.owner": "%%root.owner" } }, { owner: "x" }, ["owner"]))
  })

  it("is checked by the owner before it, and as a new document", () => {
    const write = { "%or": [{ "%%prevRoot.owner": "%%user.id" }, { "%%prevRoot": { "%exists": false } }] }
    const access = accessOf({ roles: [{ read: true, write }] }, asked)
    assert.isTrue(access.mayInsert({ owner: "x" }))
    assert.isTrue(mayUpdate(access, mine, { ...mine, n: 1 }, ["n"]))
    assert.isTrue(access.mayDelete(mine))
    const theirs = { ...mine, owner: "x" }
    assert.isFalse(mayUpdate(access, theirs, mine, ["owner"]))
    assert.isFalse(access.mayDelete(theirs))
    // what is read was what it is
    const role = { apply_when: { "%%prevRoot.owner": "%%user.id" }, ...all }
    assert.deepStrictEqual(accessOf({ roles: [role] }, asked).view.filter, { owner: { $eq: id } })
    assert.isFalse(accessOf({ roles: [role] }, asked).mayInsert(mine))
    // in a rule of the whole document, that is what a field's name stands for
    assert.isTrue(update({ write: { "%%prev.status": "draft", "%%this.status": "final" } }, { status: "final" }))
    assert.isFalse(update({ write: { "%%prev.status": "final" } }, { status: "final" }))
  })

  it("is checked by a field by its value before and after", () => {
    const fields = {
      status: { write: { "%%prev": "draft", "%%this": { $in: ["draft", "final"] } } },
      counter: { fields: { n: { write: { "%%this": { $gt: "%%prev" } } } } }
    }
    const access = accessOf({ roles: [{ fields, additional_fields: { read: true } }] }, asked)
    const to = (after: object, path: string) =>
      mayUpdate(access, { ...mine, counter: { n: 1 } }, { ...mine, counter: { n: 1 }, ...after }, [path])
    assert.isTrue(to({ status: "final" }, "status"))
    assert.isFalse(to({ status: "gone" }, "status"))
    assert.isTrue(to({ counter: { n: 2 } }, "counter.n"))
    assert.isFalse(to({ counter: { n: 0 } }, "counter.n"))
    assert.isFalse(to({ owner: "x" }, "owner"))
  })

  it("is checked for fields that are visible in some documents", () => {
    const fields = { phone: { read: { public: true } }, note: { read: { "%%user.type": "normal" } } }
    const access = accessOf({ roles: [{ fields }] }, asked)
    assert.deepStrictEqual(access.shown({ public: true, phone: 1, note: 2 }), { phone: 1, note: 2 })
    assert.deepStrictEqual(access.shown({ public: false, phone: 1, note: 2 }), { note: 2 })
    assert.deepStrictEqual(access.shown({ phone: 1 }), {})
  })

  it("is checked by expressions for insert and delete", () => {
    const access = accessOf({ roles: [{ ...all, insert: { owner: "%%user.id" }, delete: { status: "draft" } }] }, asked)
    assert.isTrue(access.mayInsert(mine))
    assert.isFalse(access.mayInsert({ owner: "x" }))
    assert.isTrue(access.mayDelete(mine))
    assert.isFalse(access.mayDelete({ ...mine, status: "final" }))
    assert.isFalse(access.everything)
  })
})

describe("a function of a rule", () => {
  const calls: Array<readonly [string, ReadonlyArray<unknown>]> = []
  const asking = (answer: (name: string, args: ReadonlyArray<unknown>) => unknown) => {
    calls.length = 0
    return given(ada, {
      call: (name, args) =>
        Effect.suspend(() => {
          calls.push([name, args])
          return Effect.succeed(answer(name, args))
        })
    })
  }
  const fn = (name: string, ...args: ReadonlyArray<unknown>) => ({ "%function": { name, arguments: args } })

  it("is called once per caller, and only if it decides", () => {
    const rule = {
      roles: [
        { apply_when: { "%%true": fn("isAdmin", "%%user.id", { at: ["%%user.custom_data.team", 1] }) }, ...all },
        { apply_when: {}, read: { "%%user.id": fn("owner") }, write: fn("isAdmin", "%%user.id", { at: ["red", 1] }) },
        { read: fn("never") }
      ]
    }
    const access = accessOf(
      rule,
      asking((name) => name === "owner" && id)
    )
    assert.deepStrictEqual(calls, [
      ["isAdmin", [id, { at: ["red", 1] }]],
      ["owner", []]
    ])
    assert.isFalse(access.partial)
    assert.isTrue(access.readsAll)
    assert.isFalse(access.mayInsert({}))
    accessOf(
      rule,
      asking(() => true)
    )
    assert.lengthOf(calls, 1)
  })

  it.effect("is called for each document where it asks about it", () =>
    Effect.gen(function* () {
      const rule = { roles: [{ apply_when: { team: "red", ...fn("mayRead", "%%root", "%%root.level") }, ...all }] }
      const access = accessOf(
        rule,
        asking((_, [, level]) => level === 1)
      )
      assert.deepStrictEqual(access.view.filter, { team: { $eq: "red" } })
      assert.isTrue(access.partial)
      const documents = [1, 2].map((level) => ({ _id: level, team: "red", level }))
      assert.deepStrictEqual(calls, [])
      yield* access.prepare({ _tag: "Stored", documents })
      yield* access.prepare({ _tag: "Stored", documents })
      assert.deepStrictEqual(
        calls,
        documents.map((it) => ["mayRead", [it, it.level]] as const)
      )
      assert.deepStrictEqual(documents.map(access.shown), [documents[0], undefined])
      access.forget()
      yield* access.prepare({ _tag: "Stored", documents: [documents[0]] })
      assert.lengthOf(calls, 3)
    })
  )

  it.each<readonly [unknown, boolean]>([
    [undefined, false],
    [null, false],
    [1, false],
    ["true", false],
    [{}, false],
    [[true], false],
    [true, true]
  ])("that answers %j lets in: %s", (value, expected) => {
    for (const expression of [fn("f"), { "%%true": fn("f") }]) {
      const access = accessOf(
        { roles: [{ apply_when: expression, ...all }] },
        asking(() => value)
      )
      assert.strictEqual(access.shown({}) !== undefined, expected)
    }
  })

  it.effect("denies access if it fails", () =>
    Effect.gen(function* () {
      const failing = given(ada, { call: () => Effect.fail(new DatabaseError({ message: "no", code: 13 })) })
      const ofUser = Result.getOrThrow(Rules.compile({ roles: [{ apply_when: { "%not": fn("f") } }] }))
      assert.strictEqual((yield* Effect.flip(ofUser.accessOf(failing))).message, "no")
      const ofDocument = accessOf({ roles: [{ apply_when: { "%not": fn("f", "%%root") }, ...all }] }, failing)
      const asked = { _tag: "New", documents: [{ a: 1 }] } as const
      assert.strictEqual((yield* Effect.flip(ofDocument.prepare(asked))).message, "no")
    })
  )
})
