exports = function (user) {
  if (user.identities[0].id === "unwanted") throw new Error("this user is not wanted")
}
