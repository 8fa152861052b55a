exports = async ({ operationType, providers, user }) => {
  const events = context.services.get("mongodb-atlas").db("conform").collection("events")
  await events.insertOne({ operationType, of: `account ${user.id}`, n: providers.join() })
}
