exports = () => ({
  greeting: context.values.get("greeting"),
  tag: context.environment.tag,
  stage: context.environment.values.stage,
  app: context.app.id
})
