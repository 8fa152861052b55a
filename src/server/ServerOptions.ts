/** What a server is made with. */
import type * as ByteSize from "effect/ByteSize"
import type * as Duration from "effect/Duration"
import type * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as OpenStreams from "./api/OpenStreams.ts"
import type * as RateLimits from "./api/RateLimits.ts"
import type * as RequestLog from "./api/RequestLog.ts"
import type { Database } from "./data/Database.ts"
import type { RateBuckets } from "./model/RateBuckets.ts"
import type { Mailer } from "./users/Mailer.ts"
import type * as PasswordHasher from "./users/PasswordHasher.ts"
import type * as OAuthIssuers from "./users/OAuthIssuers.ts"
import type { TriggerPositions } from "./triggers/TriggerPositions.ts"
import type { UserServices } from "./users/UserServices.ts"

/**
 * Settings of a server. All have defaults.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * The cost of hashing a password. `"testing"` makes tests quick; a server that listens on an address other than loopback
   * refuses it.
   *
   * @default "standard"
   */
  readonly passwordHashing?: PasswordHasher.Profile | undefined
  /**
   * The directory that keeps users and documents, so that they outlive the server: empty, new, or made by an earlier start.
   * One server at a time can have it open. Without it everything is in memory only.
   *
   * What the server has acknowledged is on the disk, and survives a killed process and a power cut. A change that cannot be
   * written, as on a full disk, is answered with 500 and changes nothing.
   */
  readonly dataDirectory?: string | undefined
  /**
   * Another database for the documents, such as MongoDB (`layer` of `effect-app-services/mongodb`). Users stay in the data
   * directory or in memory. The documents that applications start with are not inserted into it, and no index is created.
   *
   * @default the embedded database
   */
  readonly database?: Layer.Layer<Database, { readonly message: string }> | undefined
  /**
   * Another storage for users and for all that servers keep for them, such as MongoDB (`layerUsers` of
   * `effect-app-services/mongodb`). Servers with the same storage are as one: a user who logs out of one, is disabled or is
   * deleted is refused by the others at the next request.
   *
   * It cannot be combined with `signingKey`, since it has keys of its own.
   *
   * @default the data directory, or memory
   */
  readonly users?: Layer.Layer<UserServices, { readonly message: string }> | undefined
  /**
   * What servers with the same users and documents share beside them, such as in MongoDB
   * (`layerCoordination` of `effect-app-services/mongodb`): the positions of triggers, so that each is run by one server at a
   * time, and rate limits.
   *
   * @default the data directory and memory, for one server
   */
  readonly coordination?: Layer.Layer<TriggerPositions | RateBuckets, { readonly message: string }> | undefined
  /**
   * What sends the e-mails, such as `NodeMailer` of `effect-app-services/node`. The inbox has them too.
   *
   * @default e-mails are in the inbox only
   */
  readonly mailer?: Layer.Layer<Mailer, { readonly message: string }> | undefined
  /**
   * The secret that the keys of tokens are derived from, at least 32 characters: servers in memory with the same secret
   * accept each other's tokens. By default the keys are random.
   *
   * A data directory has keys of its own, which `effect-app-services keys rotate` replaces; with one, this option is
   * refused.
   */
  readonly signingKey?: Redacted.Redacted | undefined
  /**
   * The time that one call of a function may take.
   *
   * @default "90 seconds"
   */
  readonly functionTimeLimit?: Duration.Input | undefined
  /**
   * The memory that the functions of one exported application may use, buffers included. They run in a process of their
   * own. A process that exceeds the limit is ended, the calls in it fail, and the next call starts another one.
   *
   * @default "512 MiB"
   */
  readonly functionMemoryLimit?: ByteSize.Input | undefined
  /**
   * Rate limits of logins, registrations and e-mails. A client that exceeds one gets a 429 with the header `Retry-After`.
   *
   * The standard limits are, for an account, 10 failed logins per 15 minutes, and per hour 10 failed registrations, 10
   * e-mails and 10 failed uses of an e-mail's token; for a client address, 300 logins per 15 minutes and 60 of each of the
   * others per hour. Loopback addresses may do a thousand times as much; requests in process have no limit by address.
   *
   * @default "standard"
   */
  readonly rateLimits?: RateLimits.Input | undefined
  /**
   * The proxies in front of the server: IP addresses, or networks in CIDR notation such as `"10.0.0.0/8"`. Their headers
   * `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host` and `Forwarded` name the client's address, which rate limits
   * count and functions see, and the public address of the server, which clients are told. The headers of all others are
   * ignored. By default only proxies on the server's own machine are trusted; `[]` trusts none.
   *
   * @default ["127.0.0.0/8", "::1/128"]
   */
  readonly trustedProxies?: ReadonlyArray<string> | undefined
  /**
   * The address by which clients reach the server, such as `"https://api.shop.example"`, without a path: what it tells clients,
   * providers of logins by redirect and functions. Pages of e-mails that begin with `/` are below it.
   *
   * @default the address of each request, as trusted proxies name it
   */
  readonly publicUrl?: string | undefined
  /**
   * Opens the administration API below `/_admin` to clients on this machine that send this bearer token, at least 32
   * characters. Without it there are no such routes. The services `Inbox` and `Admin` do not need it.
   */
  readonly adminToken?: Redacted.Redacted | undefined
  /**
   * Other hosts in place of Google, Facebook and Apple, by the URLs of their roots, as for tests: OpenID Connect issuers for
   * Google and Apple, a host with `dialog/oauth` and the Graph API for Facebook. They need TLS unless they are on this
   * machine.
   *
   * @default the providers themselves
   */
  readonly oauthIssuers?: OAuthIssuers.Input | undefined
  /**
   * How many event streams may be open at the same time. A client that opens more gets a 429.
   *
   * @default { perUser: 100, total: 5_000 }
   */
  readonly streams?: OpenStreams.Limits | undefined
  /**
   * How much of the changes of documents, and of the events of users, is kept for change streams and triggers that have not
   * read it yet. The oldest are dropped when one of the limits is exceeded: a stream or a trigger that would go on with
   * them fails or is suspended. Without a data directory the log is in memory, and has 64 MiB at most.
   *
   * @default { events: 100_000, bytes: "256 MiB", age: "7 days" }
   */
  readonly changeLog?:
    | {
        /** The number of changes of a data source. */
        readonly events?: number | undefined
        readonly bytes?: ByteSize.Input | undefined
        readonly age?: Duration.Input | undefined
      }
    | undefined
  /**
   * How long the server goes on answering requests after it was told to stop, while `GET /readyz` answers 503: the time
   * that a load balancer needs to notice and to send requests elsewhere.
   *
   * @default "0 seconds"
   */
  readonly drainTime?: Duration.Input | undefined
  /**
   * Called after every request is answered, with no secret in the entry: a request log. A failure of it is logged, and
   * does not change the answer.
   */
  readonly onRequest?: RequestLog.OnRequest | undefined
}
