/** What a storage of users has to provide to a server. */
import type { AuthEventLog } from "./AuthEventLog.ts"
import type { Inbox } from "./Inbox.ts"
import type { PendingLogins } from "./RedirectLogins.ts"
import type { SigningKeys } from "./SigningKeys.ts"
import type { UserStore } from "./UserStore.ts"

/**
 * The services of a storage of users: users with their accounts and sessions, the keys that sign tokens, events for triggers,
 * logins by redirect that are under way, and e-mails that are not sent. Servers with the same storage are as one.
 *
 * @category models
 * @since 0.2.0
 */
export type UserServices = UserStore | SigningKeys | AuthEventLog | PendingLogins | Inbox
