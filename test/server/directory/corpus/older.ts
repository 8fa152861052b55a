/** Applications of the older layouts (`stitch.json`, `config.json`), and what this server does not support. */
import { anon, type Application, functions, source } from "./application.ts"

const int = (n: number) => ({ $numberInt: `${n}` })

const fn = (name: string, code: string, config: object = {}) => ({
  [`functions/${name}/config.json`]: { id: "5e", name, private: false, can_evaluate: {}, ...config },
  [`functions/${name}/source.js`]: code
})

const webhook = (service: string, name: string, code: string, options: object, config: object = {}) => ({
  [`services/${service}/incoming_webhooks/${name}/config.json`]: {
    name,
    run_as_authed_user: false,
    run_as_user_id: "",
    run_as_user_id_script_source: "",
    respond_result: true,
    options,
    ...config
  },
  [`services/${service}/incoming_webhooks/${name}/source.js`]: code
})

const hook = (service: string, name: string) =>
  `/api/client/v2.0/app/old-fghij/service/${service}/incoming_webhook/${name}`

const v1 = (root: string, version: number): Application => ({
  title: `${root} with services, rules, webhooks and triggers`,
  id: "old-fghij",
  files: {
    [root]: {
      app_id: "old-fghij",
      config_version: version,
      name: "old",
      location: "US-VA",
      deployment_model: "GLOBAL",
      security: {}
    },
    "auth_providers/anon-user.json": { id: "1", name: "anon-user", type: "anon-user", disabled: false },
    "auth_providers/local-userpass.json": {
      id: "2",
      name: "local-userpass",
      type: "local-userpass",
      config: { autoConfirm: true, resetPasswordUrl: "", runConfirmationFunction: false, runResetFunction: false },
      disabled: false
    },
    ...fn("count", `exports = () => context.services.get("mongodb-atlas").db("d").collection("c").count()`),
    ...fn("hidden", "exports = () => 1", { private: true }),
    ...fn("later", "exports = () => 1", { run_as_system: true }),
    "services/mongodb-atlas/config.json": {
      id: "3",
      name: "mongodb-atlas",
      type: "mongodb-atlas",
      config: { clusterName: "Cluster0", readPreference: "primary" },
      version: 1
    },
    "services/mongodb-atlas/rules/d.c.json": {
      id: "4",
      database: "d",
      collection: "c",
      roles: [{ name: "default", apply_when: {}, read: true, write: false, additional_fields: {} }],
      schema: {},
      filters: []
    },
    "services/web/config.json": { id: "5", name: "web", type: "http", config: {}, version: 1 },
    "services/web/rules/all.json": { name: "all", actions: ["get", "post"], when: {} },
    ...webhook(
      "web",
      "echo",
      `exports = function (payload, response) { return { text: payload.body.text(), q: payload.query.q, n: 1 } }`,
      { httpMethod: "POST", validationMethod: "NO_VALIDATION" }
    ),
    ...webhook(
      "web",
      "guarded",
      `exports = (payload, response) => { response.setStatusCode(201); response.setBody("made") }`,
      { httpMethod: "GET", validationMethod: "SECRET_AS_QUERY_PARAM", secret: "plain" }
    ),
    ...webhook("web", "fails", `exports = () => { throw new TypeError("broken") }`, { httpMethod: "ANY" }),
    "triggers/nightly.json": {
      id: "6",
      name: "nightly",
      type: "SCHEDULED",
      function_name: "later",
      config: { schedule: "0 3 * * *" },
      disabled: false
    },
    "triggers/written.json": {
      name: "written",
      type: "DATABASE",
      function_name: "later",
      config: {
        operation_types: ["INSERT"],
        database: "d",
        collection: "c",
        service_name: "mongodb-atlas",
        match: {},
        full_document: true
      }
    },
    "values/rate.json": { id: "7", name: "rate", value: 0.2, private: true, from_secret: false },
    "data/d/c.json": [{}, {}]
  },
  calls: [
    { fn: "count", result: int(2) },
    { fn: "hidden", error: /function not found|not permitted|private|rule not matched/ }
  ],
  requests: [
    {
      method: "POST",
      path: `${hook("web", "echo")}?q=1`,
      raw: "hello",
      status: 200,
      text: '{"text":"hello","q":"1","n":{"$numberInt":"1"}}'
    },
    { method: "GET", path: `${hook("web", "guarded")}?secret=plain`, status: 201, text: "made" },
    { method: "GET", path: `${hook("web", "guarded")}?secret=other`, status: 401, text: /IncomingWebhookAuthFailed/ },
    { method: "PUT", path: hook("web", "fails"), status: 400, text: /TypeError: broken/ },
    { method: "POST", path: hook("web", "none"), status: 404, text: /IncomingWebhookNotFound|not found/ }
  ]
})

export const older: ReadonlyArray<Application> = [
  v1("stitch.json", 20180301),
  v1("config.json", 20200603),
  {
    title: "everything that is declared and not supported",
    id: "full",
    files: {
      "realm_config.json": { app_id: "full" },
      ...source("mongodb-atlas", { flexible_sync: { state: "enabled" } }),
      "auth/providers.json": anon,
      "data_sources/lake/config.json": { name: "lake", type: "datalake" },
      "log_forwarders/all.json": { name: "all", disabled: false },
      "services/pay/config.json": { name: "pay", type: "stripe" },
      "sync/config.json": { state: "enabled" },
      "values/place.json": '{ "name": "place",\n  "value": "%(%%environment.values.place)" }',
      "triggers/bridge.json": {
        name: "bridge",
        type: "DATABASE",
        config: {},
        event_processors: { AWS_EVENTBRIDGE: { config: { account_id: "1", region: "us-east-1" } } }
      },
      ...functions({
        f: "exports = async () => [await context.services.get('lake').db('d').collection('c').count(), context.values.get('lost'), await context.functions.execute('none')]",
        g: "exports = () => context.services.get('mongodb-atlas').db('d').collection('c').aggregate([\n{ $search: {} }]).toArray()",
        pay: "exports = () => context.services.get('pay').charge({})"
      })
    },
    calls: [
      { fn: "f", error: /function not found: 'none'/ },
      {
        fn: "g",
        error: /\$search is not supported by this server: it belongs to Atlas Search, which only MongoDB Atlas has/
      },
      { fn: "pay", error: /services of type "stripe": services\.get\("pay"\)\.charge is not supported/ }
    ],
    report: [
      'data_sources/lake/config.json: data sources of type "datalake" are not supported: "lake" is served as a database that starts empty',
      "data_sources/mongodb-atlas/config.json: Device Sync is not supported: clients that open a synced Realm cannot connect; logins, functions and access to documents work",
      'functions/f.js:1: the function "none" does not exist: calling it fails',
      'functions/f.js:1: the value "lost" does not exist: it is undefined',
      "functions/g.js:2: $search is a stage of Atlas Search, which only MongoDB Atlas has: this server rejects the pipeline",
      'log_forwarders/all.json: log forwarders are not supported: "all" forwards nothing, and the log is the server\'s output',
      'services/pay/config.json: services of type "stripe" are not supported: functions that use "pay" fail',
      "sync/config.json: Device Sync is not supported: clients that open a synced Realm cannot connect; logins, functions and access to documents work",
      "values/place.json:2: values of the environment in settings, %(%%environment.values.NAME), are not supported: they are taken literally",
      'triggers/bridge.json: the trigger "bridge" never fires: it sends events to AWS EventBridge, which is not supported: name a function in event_processors.FUNCTION instead'
    ]
  },
  {
    title: "an application with mistakes, which starts with the rest",
    id: "odd",
    files: {
      "realm_config.json": '{ "app_id": "odd", /* a comment */ "name": "odd", }',
      ...source(),
      "auth/providers.json": anon,
      "functions/config.json": [{ name: "good" }, { name: "unwritten" }, { name: "broken" }, { name: "Case" }],
      "functions/good.js": "exports = () => 'good'",
      "functions/broken.js": "exports = () => {",
      "functions/case.js": "exports = () => 'case'",
      "triggers/t.json": { name: "t", type: "SCHEDULED", function_name: "nowhere", config: { schedule: "* * * * *" } },
      "values/broken.json": "{",
      "http_endpoints/config.json": { name: "an old service" }
    },
    calls: [
      { fn: "good", result: "good" },
      { fn: "Case", result: "case" },
      { fn: "unwritten", error: /function not found: 'unwritten': its source is missing/ },
      { fn: "broken", error: /does not parse \(functions\/broken\.js:\d\)/ }
    ],
    report: [
      'functions/broken.js:1: the function "broken" does not parse: SyntaxError: Unexpected end of input',
      'functions/unwritten.js: the source of the function "unwritten" is missing: calling it fails',
      "http_endpoints/config.json: expected a list of HTTPS endpoints: none of them is served",
      "realm_config.json: JSON has neither comments nor trailing commas: both were skipped",
      'triggers/t.json: the trigger "t" calls the function "nowhere", which does not exist',
      'values/broken.json:1:2: is not JSON: expected "}", found the end of the file; functions do not find this value'
    ]
  }
]
