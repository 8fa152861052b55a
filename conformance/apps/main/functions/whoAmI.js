exports = () => ({
  id: context.user.id,
  type: context.user.type,
  data: context.user.data,
  custom: context.user.custom_data,
  identities: context.user.identities
})
