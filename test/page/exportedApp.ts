/** An exported application with something for each view of the page. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Effect, Layer } from "effect"
import { AppDirectory } from "effect-app-services/server"
import { directory } from "../server/support.ts"
import { site } from "./support.ts"

/** A secret that no answer to the page may contain. */
export const secret = "hunter2-the-secret-of-the-endpoint"

const functions = {
  sum: "exports = (a, b) => a + b",
  whoAmI:
    "exports = () => ({ id: context.user.id, email: context.user.data.email, system: context.runningAsSystem() })",
  greet: `exports = (name) => {
  console.log("greeting", name)
  console.warn("twice")
  return { text: "hello " + name, at: new Date(0), n: BSON.Long.fromNumber(7) }
}`,
  buy: `exports = (item) => {
  const price = undefined
  return charge(item, price)
}
const charge = (item, price) => price.amount`,
  nightly: 'exports = () => { console.log("cleaned up") }',
  weekly: 'exports = () => { throw new Error("the report cannot be written") }',
  hook: 'exports = () => ({ ok: true, setting: context.values.get("mode") })',
  priceOf: "exports = () => 7"
}

const trigger = (name: string, schedule: string) => ({
  name,
  type: "SCHEDULED",
  function_name: name,
  config: { schedule },
  disabled: false
})

const files = {
  "realm_config.json": { app_id: "shop", name: "shop" },
  "auth/providers.json": {
    "anon-user": { name: "anon-user", type: "anon-user" },
    "local-userpass": {
      name: "local-userpass",
      type: "local-userpass",
      config: {
        autoConfirm: false,
        emailConfirmationUrl: "https://shop.test/confirm",
        resetPasswordUrl: "https://shop.test/reset"
      }
    }
  },
  "functions/config.json": Object.keys(functions).map((name) => ({
    name,
    private: name === "priceOf",
    run_as_system: name === "hook"
  })),
  ...Object.fromEntries(Object.entries(functions).map(([name, source]) => [`functions/${name}.js`, source])),
  "data_sources/mongodb-atlas/config.json": {
    name: "mongodb-atlas",
    type: "mongodb-atlas",
    config: { clusterName: "c" }
  },
  "data_sources/mongodb-atlas/shop/orders/rules.json": {
    database: "shop",
    collection: "orders",
    roles: [
      {
        name: "owner",
        apply_when: { "%%root.owner": "%%user.id" },
        document_filters: { read: { owner: "%%user.id" }, write: { owner: "%%user.id" } },
        insert: true,
        delete: true,
        search: true,
        read: true,
        write: true
      }
    ]
  },
  "data_sources/mongodb-atlas/shop/widgets/rules.json": {
    database: "shop",
    collection: "widgets",
    roles: [{ name: "all", apply_when: {}, insert: false, delete: false, search: true, read: true, write: false }]
  },
  "secrets.json": { hookSecret: secret },
  "values/mode.json": { name: "mode", value: "test" },
  "values/key.json": { name: "key", value: "hookSecret", from_secret: true },
  "http_endpoints/config.json": [
    {
      route: "/hook",
      http_method: "POST",
      function_name: "hook",
      validation_method: "SECRET_AS_QUERY_PARAM",
      secret_name: "hookSecret",
      respond_result: true
    },
    {
      route: "/open",
      http_method: "GET",
      function_name: "hook",
      validation_method: "NO_VALIDATION",
      respond_result: true
    }
  ],
  "triggers/nightly.json": trigger("nightly", "0 3 1 1 *"),
  "triggers/weekly.json": trigger("weekly", "0 4 1 1 *"),
  "functions/broken.js": "exports = () => {"
}

/** The application on a server. */
export const shopServer = Layer.unwrap(
  Effect.gen(function* () {
    const folder = yield* directory(files)
    return site([yield* AppDirectory.load(folder)])
  }).pipe(Effect.provide([NodeFileSystem.layer, NodePath.layer]))
)
