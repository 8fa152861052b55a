// returns its argument, with the same BSON types
exports = function (value) {
  return value
}
