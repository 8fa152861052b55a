/**
 * A placeholder for an unsupported feature: its members can be read to any depth, and calling one fails with the name
 * of the feature.
 */
export const unsupported = (name: string): object => {
  const refuse = () => {
    throw new Error(`${name} is not supported by this server`)
  }
  return new Proxy(refuse, {
    get: (target, key) =>
      // not a promise, and not a value that can be sent
      typeof key === "symbol" || key === "then" || key === "toJSON" || key in target
        ? Reflect.get(target, key)
        : unsupported(`${name}.${key}`)
  })
}
