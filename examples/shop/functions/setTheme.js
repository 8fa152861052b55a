// the change is in the user's next access token
exports = async function (theme) {
  const customers = context.services.get("mongodb-atlas").db("shop").collection("customers")
  const { matchedCount } = await customers.updateOne({ userId: context.user.id }, { $set: { theme } })
  return matchedCount === 1
}
