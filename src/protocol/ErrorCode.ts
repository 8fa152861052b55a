/**
 * The protocol's error codes: what a host puts into `error_code` of a failed request.
 *
 * @since 0.1.0
 */

/**
 * Every error code that a host of the protocol is known to send.
 *
 * @category constants
 * @since 0.1.0
 */
export const errorCodes = [
  // who is asking
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
  // what is asked
  "BadRequest",
  "InvalidParameter",
  "MissingParameter",
  "ArgumentsNotAllowed",
  "ReadSizeLimitExceeded",
  "NotCallable",
  "FunctionNotCallable", // as older clients spell NotCallable
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
