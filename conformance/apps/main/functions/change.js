exports = async (of) => {
  const triggered = context.services.get("mongodb-atlas").db("conform").collection("triggered")
  await triggered.insertOne({ of, n: 0 })
  await triggered.updateOne({ of }, { $inc: { n: 1 } })
  await triggered.updateOne({ of }, { $inc: { n: 1 } })
}
