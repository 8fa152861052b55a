exports = () => new Promise(() => {})
