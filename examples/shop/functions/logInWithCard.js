// an authentication function: returns the id of the user who holds a customer card
exports = function ({ card }) {
  if (!/^card-\d+$/.test(card)) throw new Error("Authentication failed")
  return { id: card, name: `Holder of ${card}` }
}
