exports = async function () {}
