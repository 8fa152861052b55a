// calls a private function
exports = async function ({ item, count }) {
  const price = await context.functions.execute("priceOf", item)
  console.log("order", count, item)
  return { _id: BSON.ObjectId(), item, count, total: price * count, customer: context.user.id, at: new Date() }
}
