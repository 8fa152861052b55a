const prices = { tea: 3, coffee: 4 }

exports = function (item) {
  if (prices[item] === undefined) throw new Error(`there is no ${item} in this shop`)
  return prices[item]
}
