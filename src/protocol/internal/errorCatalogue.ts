/**
 * Every error code of the protocol: what it means, whether a retry helps, and what to do. `docs/errors.md` is made from it.
 */
import type { ErrorCode } from "../ErrorCode.ts"

/** An error code: its meaning, and what to do about it. */
export interface CatalogueEntry {
  /** The HTTP status it usually comes with. */
  readonly status: number
  readonly meaning: string
  /** Whether the same request can succeed later. */
  readonly retry: "no" | "after a refresh" | "later"
  readonly action: string
}

/** The error codes by name. */
export const errorCatalogue: Readonly<Record<ErrorCode, CatalogueEntry>> = {
  MissingAuthReq: { status: 401, meaning: "The request carries no token.", retry: "no", action: "Log in first." },
  InvalidSession: {
    status: 401,
    meaning: "The token has expired or is invalid, or the session is gone.",
    retry: "after a refresh",
    action: "The SDK refreshes and repeats once; after `SessionExpired`, log in again."
  },
  UserAppDomainMismatch: {
    status: 403,
    meaning: "The token belongs to another application.",
    retry: "no",
    action: "Use the user of the application that is called."
  },
  DomainNotAllowed: {
    status: 401,
    meaning: "The application does not admit the domain of the e-mail address.",
    retry: "no",
    action: "Use another account, or change the provider's restrictions."
  },
  AuthError: {
    status: 401,
    meaning: "The login was refused: an unconfirmed e-mail address, an unknown or disabled key, an invalid token.",
    retry: "no",
    action: "Check the credentials; confirm the e-mail address."
  },
  InvalidPassword: {
    status: 401,
    meaning: "Wrong e-mail address or password.",
    retry: "no",
    action: "Check both, or reset the password."
  },
  UserDisabled: {
    status: 403,
    meaning: "The user was disabled by an operator of the application.",
    retry: "no",
    action: "Ask the application's operator."
  },
  UserNotFound: {
    status: 404,
    meaning: "The application has no account with this e-mail address.",
    retry: "no",
    action: "Check the address, or register it."
  },
  UserAlreadyConfirmed: {
    status: 400,
    meaning: "The e-mail address is confirmed already.",
    retry: "no",
    action: "Log in."
  },
  UserpassTokenInvalid: {
    status: 400,
    meaning: "The confirmation or reset link has expired or was used.",
    retry: "no",
    action: "Ask for a new one; a link is valid for 30 minutes."
  },
  AccountNameInUse: {
    status: 409,
    meaning: "An account with this e-mail address exists.",
    retry: "no",
    action: "Log in, or reset the password."
  },
  AuthProviderNotFound: {
    status: 404,
    meaning: "The application does not have this authentication provider, or it is disabled.",
    retry: "no",
    action: "Enable it in the application's `auth/providers.json`."
  },
  AuthProviderAlreadyExists: {
    status: 409,
    meaning: "The provider exists (administration).",
    retry: "no",
    action: "Change the existing one."
  },
  AuthProviderDuplicateName: {
    status: 409,
    meaning: "Two providers have the same name (administration).",
    retry: "no",
    action: "Rename one."
  },
  APIKeyNotFound: {
    status: 404,
    meaning: "The user has no API key with this id.",
    retry: "no",
    action: "List the keys; it was deleted or belongs to another user."
  },
  APIKeyAlreadyExists: {
    status: 409,
    meaning: "The user has an API key with this name.",
    retry: "no",
    action: "Choose another name, or delete the present key."
  },
  BadRequest: {
    status: 400,
    meaning: "The request is invalid; the message says why.",
    retry: "no",
    action: "Change the request."
  },
  InvalidParameter: {
    status: 400,
    meaning: "A parameter has an invalid value.",
    retry: "no",
    action: "Change the parameter that the message names."
  },
  MissingParameter: {
    status: 400,
    meaning: "A parameter is missing.",
    retry: "no",
    action: "Add the parameter that the message names."
  },
  ArgumentsNotAllowed: {
    status: 400,
    meaning: "The function takes no arguments.",
    retry: "no",
    action: "Call it without."
  },
  ReadSizeLimitExceeded: {
    status: 413,
    meaning: "The body of the request is too large.",
    retry: "no",
    action: "Send less, or in parts."
  },
  NotCallable: {
    status: 403,
    meaning: "The operation may not be called by a client.",
    retry: "no",
    action: "Call it from a function."
  },
  FunctionNotCallable: {
    status: 403,
    meaning: "As `NotCallable`, in the spelling of older hosts.",
    retry: "no",
    action: "Call it from a function."
  },
  FunctionNotFound: {
    status: 404,
    meaning: "The application has no function with this name.",
    retry: "no",
    action: "Check the name, its folder included."
  },
  FunctionExecutionError: {
    status: 400,
    meaning: "The function threw, or this user may not call it; the message is what it threw.",
    retry: "no",
    action: "Fix the function, or the arguments."
  },
  FunctionSyntaxError: {
    status: 400,
    meaning: "The function's source does not parse.",
    retry: "no",
    action: "Fix the source at the position in the message."
  },
  FunctionInvalid: {
    status: 400,
    meaning: "The function's source exports no function.",
    retry: "no",
    action: "Assign a function to `exports`."
  },
  FunctionAlreadyExists: {
    status: 409,
    meaning: "The function exists (administration).",
    retry: "no",
    action: "Change the existing one."
  },
  FunctionDuplicateName: {
    status: 409,
    meaning: "Two functions have the same name (administration).",
    retry: "no",
    action: "Rename one."
  },
  ExecutionTimeLimitExceeded: {
    status: 400,
    meaning: "The function, or the stream, ran longer than the host allows.",
    retry: "no",
    action: "Do less in one call; it may have done part of its work."
  },
  ServiceNotFound: {
    status: 404,
    meaning: "The application has no service with this name.",
    retry: "no",
    action: "Check the name; the database's is usually `mongodb-atlas`."
  },
  ServiceTypeNotFound: {
    status: 404,
    meaning: "The host does not know this type of service (administration).",
    retry: "no",
    action: "Choose a known type."
  },
  ServiceAlreadyExists: {
    status: 409,
    meaning: "The service exists (administration).",
    retry: "no",
    action: "Change the existing one."
  },
  ServiceCommandNotFound: {
    status: 404,
    meaning: "The service does not have this operation.",
    retry: "no",
    action: "Check the operation's name."
  },
  MongoDBError: {
    status: 400,
    meaning: "The database refused the operation; the message is the database's.",
    retry: "no",
    action: "Change the query, the update or the document."
  },
  NoMatchingRuleFound: {
    status: 403,
    meaning: "No rule of the application allows the operation.",
    retry: "no",
    action: "Change the rules of the collection, or the request."
  },
  SchemaValidationFailedWrite: {
    status: 400,
    meaning: "The document does not match the collection's schema.",
    retry: "no",
    action: "Change the document at the place the message names."
  },
  RuleNotFound: {
    status: 404,
    meaning: "The rule does not exist (administration).",
    retry: "no",
    action: "Check its id."
  },
  RuleAlreadyExists: {
    status: 409,
    meaning: "The rule exists (administration).",
    retry: "no",
    action: "Change the existing one."
  },
  RuleDuplicateName: {
    status: 409,
    meaning: "Two rules have the same name (administration).",
    retry: "no",
    action: "Rename one."
  },
  ValueNotFound: {
    status: 404,
    meaning: "The application has no value with this name.",
    retry: "no",
    action: "Define it."
  },
  ValueAlreadyExists: {
    status: 409,
    meaning: "The value exists (administration).",
    retry: "no",
    action: "Change the existing one."
  },
  ValueDuplicateName: {
    status: 409,
    meaning: "Two values have the same name (administration).",
    retry: "no",
    action: "Rename one."
  },
  TwilioError: {
    status: 400,
    meaning: "The messaging service refused the operation.",
    retry: "no",
    action: "See its message."
  },
  GCMError: {
    status: 400,
    meaning: "The push service refused the operation.",
    retry: "no",
    action: "See its message."
  },
  AWSError: { status: 400, meaning: "The AWS service refused the operation.", retry: "no", action: "See its message." },
  HTTPError: {
    status: 400,
    meaning: "A request that the application made failed.",
    retry: "later",
    action: "See its message."
  },
  RestrictedHost: {
    status: 403,
    meaning: "The application may not reach this host.",
    retry: "no",
    action: "Choose another host."
  },
  IncomingWebhookNotFound: {
    status: 404,
    meaning: "The webhook does not exist.",
    retry: "no",
    action: "Check its name."
  },
  IncomingWebhookAlreadyExists: {
    status: 409,
    meaning: "The webhook exists (administration).",
    retry: "no",
    action: "Change the existing one."
  },
  IncomingWebhookDuplicateName: {
    status: 409,
    meaning: "Two webhooks have the same name (administration).",
    retry: "no",
    action: "Rename one."
  },
  IncomingWebhookAuthFailed: {
    status: 401,
    meaning: "The webhook's secret or signature is wrong.",
    retry: "no",
    action: "Check the secret."
  },
  InternalServerError: {
    status: 500,
    meaning: "The host failed.",
    retry: "later",
    action: "Try again; if it persists, see the host's log at `link`."
  },
  MaintenanceInProgress: {
    status: 503,
    meaning: "The host is under maintenance.",
    retry: "later",
    action: "Try again."
  }
}
