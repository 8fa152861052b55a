exports = async function (data) {
  const users = context.services.get("mongodb-atlas").db("app").collection("users")
  await users.deleteMany({ user_id: context.user.id })
  if (data) await users.insertOne({ ...data, user_id: context.user.id })
}
