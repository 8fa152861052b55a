exports = async ({ fullDocument: { of }, ns, operationType }) => {
  const events = context.services.get("mongodb-atlas").db("conform").collection("events")
  await events.insertOne({ operationType, of, n: ns.coll })
}
