exports = async ({ documentKey, fullDocumentBeforeChange: { _id, n, of }, operationType }) => {
  const events = context.services.get("mongodb-atlas").db("conform").collection("events")
  await events.insertOne({ operationType, of, n: String(_id) === String(documentKey._id) ? n : "another" })
}
