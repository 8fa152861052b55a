exports = function (payload) {
  if (payload.refuse) throw new Error("Authentication failed")
  if (payload.noId) return { name: "nobody" }
  if (payload.named) return { id: payload.named, name: "Ada" }
  if (payload.seen) return JSON.stringify(payload)
  return payload.id
}
