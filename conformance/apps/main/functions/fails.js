exports = (what) => {
  if (what === "string") throw "only text"
  throw new Error("boom")
}
