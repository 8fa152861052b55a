// an authentication function: answers who the holder of a customer card is
exports = function ({ card }) {
  if (!/^card-\d+$/.test(card)) throw new Error("Authentication failed")
  return { id: card, name: `Holder of ${card}` }
}
