/**
 * The error codes of the protocol: the values of `error_code` in the answer to a failed request.
 *
 * @since 0.1.0
 */

/**
 * The error codes that hosts of the protocol are known to send. `docs/errors.md` explains each.
 *
 * @category constants
 * @since 0.1.0
 */
export const errorCodes = [
  // authentication
  "MissingAuthReq",
  "InvalidSession",
  "UserAppDomainMismatch",
  "DomainNotAllowed",
  "AuthError",
  "InvalidPassword",
  "UserDisabled",
  "UserNotFound",
  "UserAlreadyConfirmed",
  "UserpassTokenInvalid",
  "AccountNameInUse",
  "AuthProviderNotFound",
  "AuthProviderAlreadyExists",
  "AuthProviderDuplicateName",
  "APIKeyNotFound",
  "APIKeyAlreadyExists",
  // the request
  "BadRequest",
  "InvalidParameter",
  "MissingParameter",
  "ArgumentsNotAllowed",
  "ReadSizeLimitExceeded",
  "NotCallable",
  "FunctionNotCallable", // the spelling of older hosts for NotCallable
  // functions
  "FunctionNotFound",
  "FunctionExecutionError",
  "FunctionSyntaxError",
  "FunctionInvalid",
  "FunctionAlreadyExists",
  "FunctionDuplicateName",
  "ExecutionTimeLimitExceeded",
  // services, data and rules
  "ServiceNotFound",
  "ServiceTypeNotFound",
  "ServiceAlreadyExists",
  "ServiceCommandNotFound",
  "MongoDBError",
  "NoMatchingRuleFound",
  "SchemaValidationFailedWrite",
  "RuleNotFound",
  "RuleAlreadyExists",
  "RuleDuplicateName",
  "ValueNotFound",
  "ValueAlreadyExists",
  "ValueDuplicateName",
  "TwilioError",
  "GCMError",
  "AWSError",
  "HTTPError",
  "RestrictedHost",
  "IncomingWebhookNotFound",
  "IncomingWebhookAlreadyExists",
  "IncomingWebhookDuplicateName",
  "IncomingWebhookAuthFailed",
  // the host itself
  "InternalServerError",
  "MaintenanceInProgress"
] as const

/**
 * One of {@link errorCodes}.
 *
 * @category models
 * @since 0.1.0
 */
export type ErrorCode = (typeof errorCodes)[number]
