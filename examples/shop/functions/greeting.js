// uses a value, a secret (which is not returned) and the environment of the application
exports = function () {
  const { shopName } = context.environment.values
  const signed = context.values.get("signature").length > 0
  return `${context.values.get("greeting")} to ${shopName}${signed ? "" : " (unsigned)"}`
}
