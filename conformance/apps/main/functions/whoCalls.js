exports = () => context.user.id
