exports = () => "only functions see this"
