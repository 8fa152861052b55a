exports = async function () {
  const readonly = context.services.get("mongodb-atlas").db("app").collection("readonly")
  await readonly.deleteMany({})
  await readonly.insertMany([
    { _id: 1, text: "one" },
    { _id: 2, text: "two" }
  ])
}
