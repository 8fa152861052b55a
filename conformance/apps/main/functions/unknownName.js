exports = () => unknown
