// the user sees the change with the next access token
exports = async function (theme) {
  const customers = context.services.get("mongodb-atlas").db("shop").collection("customers")
  const { matchedCount } = await customers.updateOne({ userId: context.user.id }, { $set: { theme } })
  return matchedCount === 1
}
