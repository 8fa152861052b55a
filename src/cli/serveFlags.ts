/** The arguments and flags of `serve`. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Schema from "effect/Schema"
import * as Clusters from "./clusters.ts"

const proxiesOf = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((proxy) => proxy.trim())
    .filter((proxy) => proxy !== "")

/** The arguments and flags. */
export const flags = {
  directories: Argument.String("directory").pipe(
    Argument.withDescription(
      "The directory of an exported application; several can run side by side (default: the current directory if it is one, or else a built-in application)"
    ),
    Argument.variadic({ min: 0 })
  ),
  appId: Flag.String("app-id").pipe(
    Flag.withDescription("The id by which clients name the application (default: the one in its root file)"),
    Flag.optional
  ),
  port: Flag.Int("port").pipe(
    Flag.withDescription("The port to listen on; 0 chooses a free one (default: 9090)"),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))),
    Flag.withDefault(9090)
  ),
  host: Flag.String("host").pipe(
    Flag.withDescription(
      "The address to listen on; on others than loopback, the whole network can connect (default: 127.0.0.1)"
    ),
    Flag.withDefault("127.0.0.1")
  ),
  open: Flag.String("open").pipe(
    Flag.withDescription("Opens a collection that is closed to clients: SOURCE/DATABASE.COLLECTION, or all"),
    Flag.atLeast(0)
  ),
  schemas: Flag.Literals("schemas", ["strict", "lenient", "off"]).pipe(
    Flag.withDescription(
      "How schemas of collections are enforced; lenient takes whole numbers for long and double, and null for a field that is not required (default: strict)"
    ),
    Flag.withDefault("strict")
  ),
  data: Flag.String("data").pipe(
    Flag.withDescription("The directory for users and documents (default: in memory, or in the MongoDB of --mongodb)"),
    Flag.optional
  ),
  trustedProxies: Flag.String("trusted-proxy").pipe(
    Flag.withDescription(
      "The address or network (10.0.0.0/8) of a proxy in front of the server; variable APP_SERVICES_TRUSTED_PROXIES, which may have several, separated by commas (default: this machine)"
    ),
    Flag.atLeast(1),
    Flag.withFallbackConfig(Config.map(Config.String("APP_SERVICES_TRUSTED_PROXIES"), proxiesOf)),
    Flag.withDefault<ReadonlyArray<string>>([])
  ),
  publicUrl: Flag.String("public-url").pipe(
    Flag.withDescription(
      "The address by which clients reach the server, https://api.shop.example; variable APP_SERVICES_PUBLIC_URL (default: the one of each request)"
    ),
    Flag.withFallbackConfig(Config.String("APP_SERVICES_PUBLIC_URL")),
    Flag.optional
  ),
  rateLimits: Flag.Boolean("rate-limits").pipe(
    Flag.withDescription(
      "Limit logins, registrations and e-mails; --no-rate-limits does not; variable APP_SERVICES_RATE_LIMITS (default: yes)"
    ),
    Flag.withFallbackConfig(Config.Boolean("APP_SERVICES_RATE_LIMITS")),
    Flag.withDefault(true)
  ),
  rateLimit: Flag.KeyValuePair("rate-limit").pipe(
    Flag.withDescription(
      "Another limit, login-address=600/15m; also register, email and token, and -account (default: 300/15m for login-address, 60/1h for other addresses, 10/15m for login-account, 10/1h for other accounts)"
    ),
    Flag.withDefault({})
  ),
  environment: Flag.String("environment").pipe(
    Flag.withDescription(
      "The environment whose values functions and rules see, such as production; variable APP_SERVICES_ENVIRONMENT (default: the one in the root file)"
    ),
    Flag.withFallbackConfig(Config.String("APP_SERVICES_ENVIRONMENT")),
    Flag.optional
  ),
  mongodb: Clusters.flag,
  mongodbUsersDatabase: Clusters.usersDatabase,
  mongodbPort: Flag.Int("mongodb-port").pipe(
    Flag.withDescription(
      "The port on 127.0.0.1 for MongoDB's own tools and drivers, past the rules; 0 chooses a free one (default: none)"
    ),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))),
    Flag.optional
  ),
  mongodbShowPassword: Flag.Boolean("mongodb-show-password").pipe(
    Flag.withDescription("Print the password of that port into a pipe, too"),
    Flag.withDefault(false)
  ),
  metricsPort: Flag.Int("metrics-port").pipe(
    Flag.withDescription("The port on 127.0.0.1 for Prometheus, without a token; 0 chooses a free one (default: none)"),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))),
    Flag.optional
  ),
  oauthIssuers: Flag.KeyValuePair("oauth-issuer").pipe(
    Flag.withDescription("A host in place of google, facebook or apple, as for tests: google=http://127.0.0.1:8080"),
    Flag.withDefault({})
  ),
  drain: Flag.Int("drain").pipe(
    Flag.withDescription(
      "The seconds to go on answering after a signal to stop, while /readyz answers 503 (default: 0)"
    ),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3600 }))),
    Flag.withDefault(0)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription(
      "Print lines of JSON, for scripts: one when ready, then one per e-mail without its link; on standard error, the log with requests"
    ),
    Flag.withDefault(false)
  ),
  smtp: Flag.Redacted("smtp").pipe(
    Flag.withDescription(
      "The SMTP server that sends e-mails, smtp://USER:PASSWORD@HOST:PORT or smtps://...; other users of the machine see it, and not the variable SMTP_URL (default: e-mails are in the inbox only)"
    ),
    Flag.withFallbackConfig(Config.Redacted("SMTP_URL")),
    Flag.optional
  ),
  mailCommand: Flag.String("mail-command").pipe(
    Flag.withDescription("A command for the shell that sends the e-mail on its standard input; variable MAIL_COMMAND"),
    Flag.withFallbackConfig(Config.String("MAIL_COMMAND")),
    Flag.optional
  ),
  mailFormat: Flag.Literals("mail-format", ["json", "rfc822"]).pipe(
    Flag.withDescription(
      "What the mail command reads: JSON, or an e-mail as sendmail -t takes it; variable MAIL_FORMAT (default: json)"
    ),
    Flag.withFallbackConfig(Config.Literals(["json", "rfc822"], "MAIL_FORMAT")),
    Flag.withDefault("json")
  ),
  mailFrom: Flag.String("mail-from").pipe(
    Flag.withDescription('The sender of e-mails, "Shop <no-reply@shop.example>"; variable MAIL_FROM'),
    Flag.withFallbackConfig(Config.String("MAIL_FROM")),
    Flag.optional
  ),
  showMail: Flag.Boolean("show-mail").pipe(
    Flag.withDescription("Print the links of e-mails on a terminal; the inbox command shows them too"),
    Flag.withDefault(false)
  ),
  passwordHashing: Flag.Literals("password-hashing", ["standard", "testing"]).pipe(
    Flag.withDescription(
      "The cost of password hashes; testing is fast and insecure, for loopback addresses only (default: standard)"
    ),
    Flag.withDefault("standard")
  ),
  hosting: Flag.Boolean("hosting").pipe(
    Flag.withDescription("Serve the static files of applications; --no-hosting does not (default: yes)"),
    Flag.withDefault(true)
  ),
  watch: Flag.Boolean("watch").pipe(
    Flag.withDescription("Replace an application when its files change; users and documents stay"),
    Flag.withDefault(false)
  ),
  watchPoll: Flag.Int("watch-poll").pipe(
    Flag.withDescription(
      "Watch by looking at all files every so many seconds, where the system does not tell of changes: on network file systems, in containers (default: none)"
    ),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3600 }))),
    Flag.optional
  ),
  quiet: Flag.Boolean("quiet").pipe(Flag.withDescription("Do not print a line per request"), Flag.withDefault(false))
}
