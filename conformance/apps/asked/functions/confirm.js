exports = function ({ token, tokenId, username }) {
  if (typeof token !== "string" || typeof tokenId !== "string") throw new Error("no token")
  if (username.startsWith("fail")) return { status: "fail" }
  return { status: username.startsWith("pending") ? "pending" : "success" }
}
