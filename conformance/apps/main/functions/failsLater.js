exports = function* () {
  yield { _id: 1 }
  throw new Error("later")
}
