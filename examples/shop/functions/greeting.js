// a plain value, a value that is a secret (and stays one), and the environment of the application
exports = function () {
  const { shopName } = context.environment.values
  const signed = context.values.get("signature").length > 0
  return `${context.values.get("greeting")} to ${shopName}${signed ? "" : " (unsigned)"}`
}
