exports = function ({ username, password, token, tokenId, currentPasswordValid }, decision) {
  if (typeof username !== "string" || typeof password !== "string") throw new Error("no credentials")
  if (typeof token !== "string" || typeof tokenId !== "string") throw new Error("no token")
  if (decision === "if-valid") return { status: currentPasswordValid ? "success" : "fail" }
  return { status: decision ?? "fail" }
}
