/** Applications of the newer layout: `realm_config.json`, `root_config.json`, or neither. */
import { anon, type Application, defaults, everything, functions, rules, source } from "./application.ts"

const int = (n: number) => ({ $numberInt: `${n}` })
const db = `context.services.get("mongodb-atlas").db("shop")`

const root = {
  "realm_config.json": {
    app_id: "shop-abcde",
    config_version: 20210101,
    name: "shop",
    location: "IE",
    provider_region: "aws-eu-west-1",
    deployment_model: "LOCAL",
    environment: "development"
  },
  "environments/development.json": { values: {} }
}

export const newer: ReadonlyArray<Application> = [
  {
    title: "a scaffold with nothing but defaults",
    id: "shop-abcde",
    files: {
      ...root,
      ...defaults,
      ...source(),
      "auth/providers.json": { "api-key": { disabled: true, type: "api-key" } }
    }
  },
  {
    title: "a shop whose functions read and write documents",
    id: "shop-abcde",
    files: {
      ...root,
      ...defaults,
      ...source(),
      "auth/providers.json": anon,
      "data/shop/items.json": [
        { _id: 1, name: "pen", price: 2, tags: ["a"] },
        { _id: 2, name: "ink", price: 5, tags: [] },
        { _id: 3, name: "nib", price: 1, tags: ["a", "b"] }
      ],
      "values/limits.json": { name: "limits", value: { most: 2 }, from_secret: false },
      "values/key.json": { name: "key", value: "apiSecret", from_secret: true },
      "secrets.json": { apiSecret: "s3cret" },
      "environments/development.json": { values: { url: "https://dev.example" } },
      ...functions({
        list: `exports = async function (limit) {
          const items = ${db}.collection("items")
          return items.find({}, { name: 1, _id: 0 }).sort({ name: 1 }).limit(limit || context.values.get("limits").most).toArray()
        };`,
        add: `exports = async ({ name, price = 9 }) => {
          const items = ${db}.collection("items");
          const { insertedId } = await items.insertOne({ name, price });
          const changed = await items.updateOne({ _id: insertedId }, { $set: { sold: false }, $inc: { price: 1 }, $push: { tags: { $each: ["new"] } } });
          const found = await items.findOneAndUpdate({ _id: insertedId }, { $addToSet: { tags: "x" } }, { returnNewDocument: true });
          const gone = await items.deleteOne({ _id: insertedId });
          return [changed.modifiedCount, found.price, found.tags, gone.deletedCount, insertedId instanceof BSON.ObjectId];
        }`,
        report: `exports = function () {
          return ${db}.collection("items").aggregate([
            { $match: { price: { $gte: 2 } } }, { $unwind: { path: "$tags", preserveNullAndEmptyArrays: true } },
            { $group: { _id: null, total: { $sum: "$price" }, names: { $push: "$name" } } },
            { $project: { _id: 0, total: 1, first: { $arrayElemAt: ["$names", 0] } } }
          ]).toArray()
        }`,
        joined: `exports = async () => ${db}.collection("items").aggregate([
          { $lookup: { from: "items", localField: "tags", foreignField: "tags", as: "like" } },
          { $addFields: { likes: { $size: "$like" } } }, { $sort: { _id: 1 } }, { $project: { likes: 1 } }
        ]).toArray()`,
        settings: `exports = () => [context.values.get("key"), context.environment.values.url, context.environment.tag, typeof context.values.get("none")]`,
        chain: `exports = async (n) => (await context.functions.execute("double", n)) + 1`,
        double: { source: "exports = (n) => n * 2", private: true },
        "tools/format": `exports = (text) => text.toUpperCase()`,
        format: `exports = () => context.functions.execute("tools/format", "abc")`,
        mine: { source: `exports = () => ${db}.collection("items").find({}).toArray()`, run_as_system: false }
      }),
      ...rules("shop", "items", [
        {
          name: "cheap",
          apply_when: {},
          document_filters: { read: { price: { $lt: 3 } }, write: false },
          read: true,
          write: false
        }
      ])
    },
    calls: [
      { fn: "list", result: [{ name: "ink" }, { name: "nib" }] },
      { fn: "list", args: [{ $numberInt: "1" }], result: [{ name: "ink" }] },
      { fn: "add", args: [{ name: "cap" }], result: [int(1), int(10), ["new", "x"], int(1), true] },
      { fn: "report", result: [{ total: int(7), first: "pen" }] },
      {
        fn: "joined",
        result: [
          { _id: int(1), likes: int(2) },
          { _id: int(2), likes: int(0) },
          { _id: int(3), likes: int(2) }
        ]
      },
      { fn: "settings", result: ["s3cret", "https://dev.example", "development", "undefined"] },
      { fn: "chain", args: [{ $numberInt: "4" }], result: int(9) },
      { fn: "double", args: [1], error: /function not found|not permitted|private|rule not matched/ },
      { fn: "format", result: "ABC" },
      {
        fn: "mine",
        result: [
          { _id: int(1), name: "pen", price: int(2), tags: ["a"] },
          { _id: int(3), name: "nib", price: int(1), tags: ["a", "b"] }
        ]
      },
      { fn: "gone", error: /function not found: 'gone'/ }
    ],
    report: ['functions/settings.js:1: the value "none" does not exist: it is undefined']
  },
  {
    title: "functions in every style that people exported",
    id: "shop-abcde",
    files: {
      ...root,
      ...source(),
      "auth/providers.json": anon,
      ...functions({
        named: "exports = async function named(a, b = 2) { return a + b }",
        arrow: "exports = () => 'arrow'",
        identifier: "const main = (x) => helper(x)\nfunction helper(x) { return [x, typeof module] }\nexports = main",
        guarded:
          "exports = async () => 'exported'\nif (typeof module !== 'undefined') { module.exports = { exports } }",
        modules: "module.exports = () => 'module'",
        imports: "import { join } from 'path'\nexport default async function run() { return join('a', 'b') }",
        sloppy: "exports = function () { total = 0; for (i of [1, 2]) total += i; return total + arguments.length }",
        promises: "exports = () => Promise.all([1, 2].map((n) => Promise.resolve(n))).then((all) => all.length)",
        classes: "class Cart { constructor() { this.items = [1] } }\nexports = () => new Cart().items",
        optional: "exports = (a) => a?.b?.c ?? 'none'",
        bson: "exports = () => [BSON.ObjectId('5f1d7f3e9c1b2a0012345678'), new BSON.ObjectId('5f1d7f3e9c1b2a0012345678').toString(), BSON.Int32(3), BSON.Double(1.5), EJSON.parse('{\"n\":{\"$numberLong\":\"5\"}}')]",
        text: "exports = () => EJSON.stringify({ id: new BSON.ObjectId('5f1d7f3e9c1b2a0012345678') })",
        nodes:
          "exports = () => { const { createHash } = require('crypto'); return createHash('md5').update('a').digest('hex') }",
        buffers: "exports = () => Buffer.from('aGk=', 'base64').toString() + btoa('a')",
        hashes: "exports = () => utils.crypto.hash('sha1', 'abc').toHex()",
        logs: "exports = () => { console.log('a', { b: 1 }); console.error(new Error('c')); console.warn('d') }",
        user: "exports = () => [context.user.type, context.user.identities[0].provider_type, context.runningAsSystem(), context.request.httpMethod]",
        throws: "exports = () => { throw new Error('no stock') }",
        rejects: "exports = async () => { throw { code: 7 } }",
        dates: "exports = () => new Date(0)",
        nothing: "exports = () => {}",
        nan: "exports = () => [NaN, Infinity, -0]"
      })
    },
    calls: [
      { fn: "named", args: [int(1)], result: int(3) },
      { fn: "arrow", result: "arrow" },
      { fn: "identifier", args: ["x"], result: ["x", "object"] },
      { fn: "guarded", result: "exported" },
      { fn: "modules", result: "module" },
      { fn: "imports", result: "a/b" },
      { fn: "sloppy", result: int(3) },
      { fn: "promises", result: int(2) },
      { fn: "classes", result: [int(1)] },
      { fn: "optional", args: [{ b: null }], result: "none" },
      {
        fn: "bson",
        result: [
          { $oid: "5f1d7f3e9c1b2a0012345678" },
          "5f1d7f3e9c1b2a0012345678",
          int(3),
          { $numberDouble: "1.5" },
          { n: int(5) }
        ]
      },
      { fn: "text", result: '{"id":{"$oid":"5f1d7f3e9c1b2a0012345678"}}' },
      { fn: "nodes", result: "0cc175b9c0f1b6a831c399e269772661" },
      { fn: "buffers", result: "hiYQ==" },
      { fn: "hashes", result: "a9993e364706816aba3e25717850c26c9cd0d89d" },
      { fn: "logs", result: { $undefined: true } },
      { fn: "user", result: ["normal", "anon-user", true, "POST"] },
      { fn: "throws", error: /^Error: no stock$/ },
      { fn: "rejects", error: /"code":7|code/ },
      { fn: "dates", result: { $date: { $numberLong: "0" } } },
      { fn: "nothing", result: { $undefined: true } },
      { fn: "nan", result: [{ $numberDouble: "NaN" }, { $numberDouble: "Infinity" }, { $numberDouble: "-0.0" }] }
    ]
  },
  {
    title: "endpoints of an application without an id, in https_endpoints",
    id: "my-endpoints",
    files: {
      "root_config.json": { environment: "" },
      ...source(),
      "https_endpoints/config.json": [
        {
          route: "/orders",
          http_method: "POST",
          function_name: "orders",
          validation_method: "NO_VALIDATION",
          respond_result: true,
          return_type: "JSON",
          fetch_custom_user_data: false,
          create_user_on_auth: false,
          disabled: false
        },
        {
          route: "/ejson",
          http_method: "GET",
          function_name: "stamp",
          validation_method: "NO_VALIDATION",
          respond_result: true,
          return_type: "EJSON"
        },
        { route: "/quiet", http_method: "*", function_name: "stamp", respond_result: false },
        {
          route: "/Upper/Case",
          http_method: "GET",
          function_name: "web/page",
          validation_method: "SECRET_AS_QUERY_PARAM",
          secret_name: "hook",
          respond_result: true
        },
        { route: "/gone", http_method: "GET", function_name: "gone", respond_result: true }
      ],
      "secrets.json": { hook: "open" },
      ...functions({
        orders: `exports = async function ({ query, headers, body }, response) {
          if (body === undefined) { response.setStatusCode(400); response.setBody("no body"); return }
          const order = JSON.parse(body.text())
          if (!order.item) { response.setStatusCode(422); response.setHeader("Content-Type", "application/json"); response.setBody(JSON.stringify({ error: "no item" })); return }
          const { insertedId } = await ${db}.collection("orders").insertOne({ ...order, at: new Date(0) })
          return { item: order.item, for: query.user, type: headers["Content-Type"][0], id: typeof insertedId }
        }`,
        stamp: "exports = () => ({ n: 1, at: new Date(0) })",
        "web/page":
          "exports = (request, response) => { response.setHeader('Content-Type', 'text/html'); response.setBody('<p>' + context.request.httpMethod + '</p>') }"
      })
    },
    requests: [
      {
        method: "POST",
        path: "/app/my-endpoints/endpoint/orders?user=ada",
        raw: '{"item":"pen"}',
        status: 200,
        text: '{"item":"pen","for":"ada","type":"application/json","id":"object"}'
      },
      {
        method: "POST",
        path: "/app/my-endpoints/endpoint/orders",
        raw: "{}",
        status: 422,
        text: '{"error":"no item"}'
      },
      { method: "POST", path: "/app/my-endpoints/endpoint/orders", status: 400, text: "no body" },
      {
        method: "POST",
        path: "/app/my-endpoints/endpoint/orders",
        raw: "not JSON",
        status: 400,
        text: /FunctionExecutionError/
      },
      {
        method: "GET",
        path: "/app/my-endpoints/endpoint/ejson",
        status: 200,
        text: '{"n":{"$numberInt":"1"},"at":{"$date":{"$numberLong":"0"}}}'
      },
      {
        method: "GET",
        path: "/app/my-endpoints/endpoint/ejson",
        headers: { accept: "application/json" },
        status: 200,
        text: '{"n":1,"at":"1970-01-01T00:00:00.000Z"}'
      },
      { method: "PUT", path: "/app/my-endpoints/endpoint/quiet", status: 204, text: "" },
      { method: "GET", path: "/app/my-endpoints/endpoint/Upper/Case?secret=open", status: 200, text: "<p>GET</p>" },
      {
        method: "GET",
        path: "/app/my-endpoints/endpoint/Upper/Case?secret=wrong",
        status: 401,
        text: /IncomingWebhookAuthFailed/
      },
      {
        method: "GET",
        path: "/app/my-endpoints/endpoint/upper/case?secret=open",
        status: 404,
        text: /endpoint not found/
      },
      { method: "GET", path: "/app/my-endpoints/endpoint/gone", status: 404, text: /function not found: 'gone'/ }
    ],
    report: [
      'https_endpoints/config.json:1:645: the HTTPS endpoint GET /gone calls the function "gone", which does not exist'
    ]
  },
  {
    title: "functions alone, without a root file or a list",
    id: "parts",
    files: {
      "auth/providers.json": anon,
      "functions/helper.js": "exports = () => 'helped'",
      "http_endpoints/config.json": [
        { route: "/go", http_method: "GET", function_name: "helper", respond_result: true }
      ]
    },
    calls: [{ fn: "helper", error: /function not found|not permitted|private|rule not matched/ }],
    requests: [
      { method: "GET", path: "/app/parts/endpoint/go", status: 400, text: /no authentication methods were specified/ }
    ],
    report: [
      'functions/config.json: it does not list helper.js: only other functions can call unlisted ones; add { "name": "helper" } to it to let clients call that one'
    ]
  },
  {
    title: "rules by owner, and a collection that its custom data opens",
    id: "shop-abcde",
    files: {
      ...root,
      ...source(),
      "auth/providers.json": anon,
      "auth/custom_user_data.json": {
        enabled: true,
        mongo_service_name: "mongodb-atlas",
        database_name: "shop",
        collection_name: "people",
        user_id_field: "userId",
        on_user_creation_function_name: "welcome"
      },
      ...functions({
        welcome: {
          source: `exports = async (user) => { await ${db}.collection("people").insertOne({ userId: user.id, group: "staff" }) }`,
          private: true
        },
        write: {
          source: `exports = async () => { const notes = ${db}.collection("notes"); await notes.insertOne({ owner: context.user.id, text: "mine" }); return (await notes.find({}, { _id: 0, owner: 0 }).toArray()) }`,
          run_as_system: false
        },
        other: {
          source: `exports = () => ${db}.collection("notes").insertOne({ owner: "another", text: "theirs" })`,
          run_as_system: false
        },
        staff: { source: `exports = () => ${db}.collection("staff").count()`, run_as_system: false },
        gated: { source: "exports = () => 'in'", can_evaluate: { "%%user.custom_data.group": "staff" } },
        closed: { source: "exports = () => 'in'", can_evaluate: { "%%user.custom_data.group": "boss" } }
      }),
      ...rules("shop", "notes", [{ name: "owner", apply_when: { owner: "%%user.id" }, ...everything }]),
      ...rules("shop", "staff", [
        { name: "staff", apply_when: { "%%user.custom_data.group": "staff" }, ...everything }
      ]),
      ...rules("shop", "people", [
        { name: "denyAllAccess", apply_when: {}, read: false, write: false, insert: false, delete: false }
      ]),
      "data/shop/notes.json": [{ owner: "somebody else", text: "hidden" }],
      "data/shop/staff.json": [{}, {}]
    },
    calls: [
      { fn: "write", result: [{ text: "mine" }] },
      { fn: "other", error: /insert not permitted|no rule|permission/i },
      { fn: "staff", result: int(2) },
      { fn: "gated", result: "in" },
      { fn: "closed", error: /rule not matched for function "closed"/ }
    ]
  }
]
