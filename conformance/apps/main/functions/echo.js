exports = (value) => value
