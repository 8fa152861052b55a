exports = (text) => `${text.toUpperCase()}!`
