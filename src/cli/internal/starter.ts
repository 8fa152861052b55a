/** The files of the application that `init` writes. */

const json = (content: unknown): string => `${JSON.stringify(content, undefined, 2)}\n`

/** The files by path. */
export const starter = (appId: string): Readonly<Record<string, string>> => ({
  "realm_config.json": json({ config_version: 20210101, app_id: appId, name: appId, environment: "development" }),
  "auth/providers.json": json({
    "anon-user": { name: "anon-user", type: "anon-user", disabled: false },
    "local-userpass": {
      name: "local-userpass",
      type: "local-userpass",
      disabled: false,
      config: { autoConfirm: true, resetPasswordUrl: "http://localhost:3000/reset-password" }
    }
  }),
  "data_sources/mongodb-atlas/config.json": json({ name: "mongodb-atlas", type: "mongodb-atlas", config: {} }),
  "data_sources/mongodb-atlas/main/notes/rules.json": json({
    database: "main",
    collection: "notes",
    roles: [
      {
        name: "owner",
        apply_when: {},
        document_filters: { read: { owner: "%%user.id" }, write: { owner: "%%user.id" } },
        insert: true,
        delete: true,
        search: true,
        read: true,
        write: true
      }
    ]
  }),
  "data_sources/mongodb-atlas/main/notes/schema.json": json({
    title: "note",
    bsonType: "object",
    required: ["_id", "owner", "text"],
    properties: { _id: { bsonType: "objectId" }, owner: { bsonType: "string" }, text: { bsonType: "string" } }
  }),
  "environments/development.json": json({ values: {} }),
  "values/greeting.json": json({ name: "greeting", value: "Hello", from_secret: false }),
  "functions/config.json": json([
    { name: "greet", private: false },
    { name: "status", private: true, run_as_system: true }
  ]),
  "functions/greet.js": `// a client calls it with user.functions.greet("Ada")
exports = async function (name) {
  const notes = context.services.get("mongodb-atlas").db("main").collection("notes")
  const mine = await notes.count({ owner: context.user.id })
  return \`\${context.values.get("greeting")}, \${name}! You have \${mine} notes.\`
}
`,
  "functions/status.js": `// GET /app/${appId}/endpoint/status
exports = function ({ query }, response) {
  response.setHeader("Content-Type", "text/plain")
  response.setBody(\`\${context.app.name} is up\${query.from === undefined ? "" : \`, \${query.from}\`}\\n\`)
}
`,
  "http_endpoints/config.json": json([
    {
      route: "/status",
      http_method: "GET",
      function_name: "status",
      validation_method: "NO_VALIDATION",
      respond_result: false,
      fetch_custom_user_data: false,
      create_user_on_auth: false,
      disabled: false
    }
  ])
})
