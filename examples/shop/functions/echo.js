// what goes in comes out, as the same BSON types
exports = function (value) {
  return value
}
