import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { generateKeyPairSync, verify } from "node:crypto"
import type { ServerResponse } from "node:http"
import { anonymous, ask, callFunction, path } from "../support.ts"
import { ok, type Request, server } from "./httpServer.ts"
import { exported, load } from "./support.ts"

const service = (name: string, type: string, config: object = {}, secrets: object = {}) => ({
  [`services/${name}/config.json`]: { name, type, config, secret_config: secrets, version: 1 }
})

const rule = (service: string, name: string, rule: object) => ({
  [`services/${service}/rules/${name}.json`]: { name, ...rule }
})

const secrets = { "secrets.json": { awsSecret: "the secret key of AWS", twilioToken: "the token of Twilio" } }

const aws = (endpoint: string) => ({
  ...secrets,
  ...service(
    "aws",
    "aws",
    { accessKeyId: "AKIDEXAMPLE", region: "eu-central-1", endpoint },
    { secretAccessKey: "awsSecret" }
  )
})

/** Calls `f` as an anonymous user, who runs it unless it says otherwise. */
const call = (source: string, files: Record<string, unknown>, args: ReadonlyArray<unknown> = [], isSystem = true) =>
  Effect.gen(function* () {
    const { access_token } = yield* anonymous()
    const { body, status, text } = yield* callFunction(access_token, "f", args)
    const value: unknown = status === 200 ? JSON.parse(text) : body["error"]
    return value
  }).pipe(
    Effect.provide(
      exported(
        {},
        { "functions/config.json": [{ name: "f", run_as_system: isSystem }], "functions/f.js": source, ...files }
      )
    )
  )

/** An object store that keeps what is put, as S3 does. */
const store = () => {
  const objects = new Map<string, string>()
  return (request: Request, response: ServerResponse) => {
    const { pathname } = new URL(request.url, "http://x")
    if (request.method === "PUT") {
      objects.set(pathname, request.body)
      return response.setHeader("ETag", '"tag"').end()
    }
    if (request.method === "DELETE") return response.writeHead(204).end()
    const found = objects.get(pathname)
    if (found !== undefined) return response.setHeader("Content-Type", "text/plain").end(found)
    return response
      .writeHead(404, { "Content-Type": "application/xml" })
      .end("<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>")
  }
}

describe("the service aws", () => {
  it.effect("puts, gets and deletes objects of S3, in the region that is named", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* server(store())
      const value = yield* call(
        `exports = async () => {
          const s3 = context.services.get("aws").s3("us-east-1")
          const put = await s3.PutObject({ Bucket: "b", Key: "dir/a.txt", Body: "text", ContentType: "text/plain" })
          await context.services.get("aws").s3().PutObject({ Bucket: "b", Key: "bytes", Body: BSON.Binary.fromText("bytes") })
          const got = await s3.GetObject({ Bucket: "b", Key: "dir/a.txt" })
          const bytes = await s3.GetObject({ Bucket: "b", Key: "bytes" })
          await s3.DeleteObject({ Bucket: "b", Key: "bytes" })
          let error
          try { await s3.GetObject({ Bucket: "b", Key: "none" }) } catch (it) { error = it }
          return [put.ETag, got.Body.text(), got.ContentType, bytes.Body.text(), error instanceof Error, String(error)]
        }`,
        aws(url)
      )
      assert.deepStrictEqual(value, [
        '"tag"',
        "text",
        "text/plain",
        "bytes",
        true,
        "AWSError: NoSuchKey: The specified key does not exist."
      ])
      assert.deepStrictEqual(
        requests.map(({ method, url }) => `${method} ${url.split("?")[0]}`),
        ["PUT /b/dir/a.txt", "PUT /b/bytes", "GET /b/dir/a.txt", "GET /b/bytes", "DELETE /b/bytes", "GET /b/none"]
      )
      assert.match(requests[0]?.headers.authorization ?? "", /Credential=AKIDEXAMPLE\/\d+\/us-east-1\/s3\/aws4_request/)
      assert.match(requests[1]?.headers.authorization ?? "", /\/eu-central-1\/s3\//)
    })
  )

  it.effect("signs URLs that work without credentials", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* server(store())
      const signed = yield* call(
        `exports = () => context.services.get("aws").s3().PresignURL({ Bucket: "b", Key: "k", Method: "PUT", ExpirationMS: 60000 })`,
        aws(url)
      )
      const { pathname, searchParams } = new URL(String(signed))
      assert.strictEqual(pathname, "/b/k")
      assert.strictEqual(searchParams.get("X-Amz-Expires"), "60")
      assert.match(searchParams.get("X-Amz-Signature") ?? "", /^[0-9a-f]{64}$/)
      assert.deepStrictEqual(requests, [])
    })
  )

  it.effect("sends e-mails through SES, also by the older service", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* server((_, response) =>
        response
          .setHeader("Content-Type", "text/xml")
          .end("<SendEmailResponse><SendEmailResult><MessageId>m1</MessageId></SendEmailResult></SendEmailResponse>")
      )
      const value = yield* call(
        `exports = async () => {
          const sent = await context.services.get("aws").ses("us-west-2").SendEmail({
            Source: "a@x.org", Destination: { ToAddresses: ["b@x.org"] },
            Message: { Body: { Html: { Charset: "UTF-8", Data: "<b>hi</b>" } }, Subject: { Charset: "UTF-8", Data: "Hello" } }
          })
          await context.services.get("mail").send({ toAddress: "c@x.org", fromAddress: "a@x.org", subject: "S", body: "B" })
          return sent.MessageId
        }`,
        {
          ...aws(url),
          ...service("mail", "aws-ses", { accessKeyId: "AKID", endpoint: url }, { secretAccessKey: "awsSecret" })
        }
      )
      assert.strictEqual(value, "m1")
      const [first, second] = requests.map(({ body }) => new URLSearchParams(body))
      assert.strictEqual(first?.get("Action"), "SendEmail")
      assert.strictEqual(first?.get("Message.Body.Html.Data"), "<b>hi</b>")
      assert.strictEqual(first?.get("Destination.ToAddresses.member.1"), "b@x.org")
      assert.strictEqual(second?.get("Message.Body.Text.Data"), "B")
    })
  )

  it.effect("names the package to install, the setting to supply, and what does not exist", () =>
    Effect.gen(function* () {
      const run = (source: string, files: Record<string, unknown>) => call(`exports = async () => ${source}`, files)
      const get = 'context.services.get("aws")'
      assert.match(
        String(yield* run(`${get}.kinesis().PutRecord({})`, aws("http://127.0.0.1:1"))),
        /^AWSError: the package "@aws-sdk\/client-kinesis" is not installed, .*run "npx effect-app-services install \//
      )
      assert.match(
        String(yield* run(`${get}.s3().PutObjects({})`, aws("http://127.0.0.1:1"))),
        /^AWSError: "PutObjects" is not an operation of s3/
      )
      const { "secrets.json": _, ...without } = aws("http://127.0.0.1:1")
      assert.match(String(yield* run(`${get}.s3().GetObject({})`, without)), /service "aws" has no "secretAccessKey"/)
      assert.match(String(yield* run(`${get}.teleport()`, aws("http://127.0.0.1:1"))), /teleport is not a function/)
    })
  )

  it.effect("is reported with the package that its functions need", () =>
    Effect.gen(function* () {
      const { report } = yield* load(
        {
          a: `exports = () => context.services.get("aws").kinesis("eu-west-1").PutRecord({})`,
          b: `exports = () => { const aws = context.services.get('aws'); return [aws.kinesis(), aws.s3()] }`
        },
        aws("http://127.0.0.1:1")
      )
      assert.deepStrictEqual(
        report.map(({ file, message }) => `${file}: ${message.split(":")[0]}`),
        ['functions/a.js:1: the package "@aws-sdk/client-kinesis" is not installed, which the functions a, b require']
      )
    })
  )
})

const twilio = (endpoint: string) => ({
  ...secrets,
  ...service("sms", "twilio", { sid: "AC1", endpoint }, { auth_token: "twilioToken" })
})

describe("the service twilio", () => {
  it.effect("sends a message, and answers nothing", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* server((_, response) => response.writeHead(201).end("{}"))
      const value = yield* call(
        `exports = () => context.services.get("sms").send({ to: "+491", from: "+492", body: "Hi & bye" })`,
        twilio(url)
      )
      assert.deepStrictEqual(value, { $undefined: true })
      const [request] = requests
      assert.strictEqual(`${request?.method} ${request?.url}`, "POST /2010-04-01/Accounts/AC1/Messages.json")
      assert.deepStrictEqual(Object.fromEntries(new URLSearchParams(request?.body)), {
        To: "+491",
        From: "+492",
        Body: "Hi & bye"
      })
      const credentials = Buffer.from("AC1:the token of Twilio").toString("base64")
      assert.strictEqual(request?.headers.authorization, `Basic ${credentials}`)
    })
  )

  it.effect("fails with the reason of Twilio, and without its token", () =>
    Effect.gen(function* () {
      const source = `exports = () => context.services.get("sms").send({ to: "+491", from: "+492", body: "B" })`
      const refusing = yield* server((_, response) =>
        response.writeHead(400).end('{ "code": 21211, "message": "The number is invalid" }')
      )
      assert.strictEqual(
        yield* call(source, twilio(refusing.url)),
        "TwilioError: Twilio answered 400: The number is invalid, code 21211"
      )
      const moving = yield* server((_, response) => response.writeHead(302, { location: refusing.url }).end())
      assert.strictEqual(yield* call(source, twilio(moving.url)), "TwilioError: Twilio answered 302")
      assert.lengthOf(refusing.requests, 1)
      assert.strictEqual(
        yield* call(source, twilio("http://127.0.0.1:1")),
        "TwilioError: http://127.0.0.1:1 cannot be reached"
      )
      assert.match(
        String(yield* call(`exports = () => context.services.get("sms").send({ to: "+491" })`, twilio(refusing.url))),
        /TwilioError: send takes { to, from, body }, which are texts/
      )
    })
  )
})

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })

/** What Firebase and its issuer answer: a token that ends with `bad` is refused. */
const firebase = (request: Request, response: ServerResponse) => {
  if (request.url === "/token") return response.end('{ "access_token": "an access token" }')
  return request.body.includes("bad")
    ? response.writeHead(404).end('{ "error": { "message": "Requested entity was not found." } }')
    : response.end("{}")
}

const gcm = (url: string) => ({
  "secrets.json": {
    account: {
      client_email: "push@shop.example",
      private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
      project_id: "shop",
      token_uri: `${url}/token`
    },
    old: "AAAA:key"
  },
  ...service("push", "gcm", { senderId: "1", endpoint: url }, { apiKey: "account" }),
  ...service("old", "gcm", { senderId: "1", endpoint: url }, { apiKey: "old" })
})

describe("the service gcm", () => {
  it.effect("sends messages with a service account to tokens, topics and the devices of users", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* server(firebase)
      const files = gcm(url)
      yield* Effect.gen(function* () {
        const { access_token, user_id } = yield* anonymous()
        yield* ask("PUT", path("my-app", "push/providers/push/registration"), {
          token: access_token,
          body: { registrationToken: "of the user" }
        })
        const { text } = yield* callFunction(access_token, "f", [user_id])
        assert.strictEqual(
          text,
          '[{"successes":{"$numberInt":"1"},"failures":{"$numberInt":"0"}},{"successes":{"$numberInt":"1"},"failures":{"$numberInt":"1"}}]'
        )
      }).pipe(
        Effect.provide(
          exported(
            {
              f: `exports = async (user) => {
                const push = context.services.get("push")
                const a = await push.send({ userIds: [user], notification: { title: "T", body: "B" }, data: { n: 1 }, priority: "high" })
                const b = await push.send({ registrationTokens: ["good", "bad"], notification: { title: "T" }, timeToLive: 60 })
                await push.send({ to: "/topics/news", notification: { title: "N" } })
                return [a, b]
              }`
            },
            files
          )
        )
      )
      const [token, ...others] = requests
      const [head, claims, signature = ""] = (new URLSearchParams(token?.body).get("assertion") ?? "").split(".")
      assert.isTrue(verify("sha256", Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, "base64url")))
      const messages = others
        .filter(({ url }) => url === "/v1/projects/shop/messages:send")
        .map(({ body }) => (JSON.parse(body) as { message: Record<string, unknown> }).message)
      assert.deepStrictEqual(
        messages.map(({ token, topic }) => String(token ?? topic)).toSorted((a, b) => a.localeCompare(b)),
        ["bad", "good", "news", "of the user"]
      )
      const first = messages.find(({ token }) => token === "of the user")
      assert.deepStrictEqual(first?.["notification"], { title: "T", body: "B" })
      assert.deepStrictEqual(first?.["data"], { n: "1" })
      assert.strictEqual(others[0]?.headers.authorization, "Bearer an access token")
    })
  )

  it.effect("says what to supply in place of the key of a server, and who was not reached", () =>
    Effect.gen(function* () {
      const { url } = yield* server(firebase)
      assert.match(
        String(yield* call(`exports = () => context.services.get("old").send({ to: "x" })`, gcm(url))),
        /^GCMError: the service "old" needs the JSON key of a Firebase service account as the secret of "apiKey"/
      )
      assert.strictEqual(
        yield* call(`exports = () => context.services.get("push").send({ to: "bad" })`, gcm(url)),
        "GCMError: Firebase answered 404: Requested entity was not found."
      )
    })
  )
})

describe("the rules of a service", () => {
  const source = `exports = async (url) => {
    const web = context.services.get("web")
    const tried = async (run) => { try { return (await run()).statusCode } catch (error) { return String(error) } }
    return [await tried(() => web.get({ url })), await tried(() => web.post({ url, body: "" })), await tried(() => web.get({ scheme: "http", host: "localhost:1" })), await tried(() => context.http.post({ url, body: "" }))]
  }`
  const files = (host: string) => ({
    ...service("web", "http"),
    ...rule("web", "here", { actions: ["get"], when: { "%%args.url.host": { "%in": [host] } } }),
    ...rule("web", "odd", { actions: ["post"], when: { "%%args.url.host": { $odd: 1 } } })
  })

  it.effect("allow actions by their argument, also to functions of users", () =>
    Effect.gen(function* () {
      const { port, requests, url } = yield* server(ok)
      const value = yield* call(source, files(`127.0.0.1:${port}`), [url], false)
      const refused = (method: string) => `HTTPError: no rule of the service "web" allows "${method}"`
      assert.deepStrictEqual(value, [{ $numberInt: "200" }, refused("post"), refused("get"), { $numberInt: "200" }])
      assert.deepStrictEqual(
        requests.map(({ method }) => method),
        ["GET", "POST"]
      )
    })
  )

  it.effect("lets functions that run as the system act without rules", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* server(ok)
      yield* call(source, files("elsewhere"), [url])
      assert.lengthOf(requests, 3)
    })
  )

  it.effect("allow nothing that they do not name, and the report names what is not understood", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* server((_, response) => response.writeHead(201).end("{}"))
      const send = `exports = () => context.services.get("sms").send({ to: "1", from: "2", body: "B" })`
      assert.strictEqual(
        yield* call(send, { ...twilio(url), ...rule("sms", "r", { actions: [] }) }, [], false),
        'TwilioError: no rule of the service "sms" allows "send"'
      )
      yield* call(send, { ...twilio(url), ...rule("sms", "r", { actions: ["send"], when: {} }) }, [], false)
      assert.lengthOf(requests, 1)
      const get = `exports = () => context.services.get("aws").s3().GetObject({ Bucket: "b", Key: "k" })`
      const named = yield* server(store())
      yield* call(get, { ...aws(named.url), ...rule("aws", "r", { actions: ["s3:*"] }) }, [], false)
      assert.lengthOf(named.requests, 1)
      yield* call(get, { ...aws(named.url), ...rule("aws", "r", { actions: ["ses:SendEmail"] }) }, [], false)
      assert.lengthOf(named.requests, 1)
      const { report } = yield* load({}, files("x"))
      assert.deepStrictEqual(report, [
        {
          file: "services/web/rules/odd.json:1:61",
          message:
            'the rule is not understood at when.%%args.url.host.$odd: the operator "$odd"; the rule allows no action of "web"',
          mistake: true
        }
      ])
    })
  )
})

describe("a service that is not supported", () => {
  it.effect("is named in the report, and when a function calls it", () =>
    Effect.gen(function* () {
      const files = service("pay", "stripe")
      const { report } = yield* load({}, files)
      assert.deepStrictEqual(report, [
        {
          file: "services/pay/config.json",
          message: 'services of type "stripe" are not supported: functions that use "pay" fail'
        }
      ])
      assert.strictEqual(
        yield* call(`exports = () => context.services.get("pay").charges.create({})`, files),
        'Error: services of type "stripe": services.get("pay").charges.create is not supported by this server'
      )
    })
  )
})
