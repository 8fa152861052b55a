exports = async (of) => {
  const database = context.services.get("mongodb-atlas").db("conform")
  for (const name of ["first", "second", "first"]) await database.collection(name).insertOne({ of })
  await database.collection("removed").insertMany([1, 2, 3].map((n) => ({ of, n })))
  await database.collection("removed").deleteMany({ of })
}
