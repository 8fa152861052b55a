exports = async (of) => {
  const events = context.services.get("mongodb-atlas").db("conform").collection("events")
  return (await events.find({ of }).toArray()).map(({ n, operationType }) => ({ n, operationType }))
}
