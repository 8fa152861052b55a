// creates the custom user data of a new user
exports = async function onUserCreation(user) {
  const customers = context.services.get("mongodb-atlas").db("shop").collection("customers")
  await customers.insertOne({ userId: user.id, theme: "light", points: BSON.Long(0), since: new Date() })
}
