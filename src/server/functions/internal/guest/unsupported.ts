/**
 * What stands in for something that the server does not have: it can be looked at, as deep as a function likes, and says
 * what is missing where it is called.
 */
export const unsupported = (name: string): object => {
  const refuse = () => {
    throw new Error(`${name} is not supported by this server`)
  }
  return new Proxy(refuse, {
    get: (target, key) =>
      // it is no promise, and no value that can be sent
      typeof key === "symbol" || key === "then" || key === "toJSON" || key in target
        ? Reflect.get(target, key)
        : unsupported(`${name}.${key}`)
  })
}
