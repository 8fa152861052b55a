exports = (payload, response) => ({ n: 1, text: payload.body.text() })
