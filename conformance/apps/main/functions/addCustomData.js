exports = function (data, asObjectId) {
  const id = context.user.id
  const users = context.services.get("mongodb-atlas").db("app").collection("users")
  return users.insertOne({ ...data, user_id: asObjectId ? new BSON.ObjectId(id) : id })
}
