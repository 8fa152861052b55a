exports = async function* () {
  yield { _id: 1 }
  await new Promise(() => {})
}
