exports = function () {
  const { id, type, data, custom_data, identities } = context.user
  return { id, type, data, custom_data, identities }
}
