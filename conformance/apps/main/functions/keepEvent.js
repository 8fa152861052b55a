exports = async ({ fullDocument, operationType, user }) => {
  const events = context.services.get("mongodb-atlas").db("conform").collection("events")
  await events.insertOne({ operationType, of: user?.id ?? fullDocument.of, n: fullDocument?.n })
}
