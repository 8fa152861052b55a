/** The SDK in a bundle that leaves `bson` out. */
import { assert, layer } from "@effect/vitest"
import { Long, ObjectId } from "bson"
import { Effect } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { App } from "effect-app-services/server"
import { build } from "esbuild"
import { join } from "node:path"

const plain = { n: [1, -0, 1.5, 5_000_000_000], at: new Date(0), text: "a", no: null, yes: true }
const app = App.make({
  id: "my-app",
  providers: { anonymous: true },
  functions: {
    same: (value: unknown) => value,
    isPlain: (value: unknown) => JSON.stringify(value) === JSON.stringify(plain),
    find: (type: string) => ({ found: { ObjectId: new ObjectId(), Long: Long.MAX_VALUE }[type] })
  }
})
const Server = NodeAppServicesServer.layer(app)

const root = join(import.meta.dirname, "../..")

/** A program of promises, bundled without `bson`. */
const program = `
  import { AppServices, AuthApi, Bson, Credentials } from "effect-app-services"
  import { Layer, ManagedRuntime } from "effect"
  import { FetchHttpClient } from "effect/http"
  export { Bson }
  export const logIn = async (baseUrl) => {
    const layer = AppServices.layer({ appId: "my-app", baseUrl }).pipe(Layer.provide(FetchHttpClient.layer))
    const runtime = ManagedRuntime.make(layer)
    const user = await runtime.runPromise(AuthApi.use((auth) => auth.logIn(Credentials.anonymous())))
    return { call: (name, ...args) => runtime.runPromise(user.callFunction(name, ...args)), end: () => runtime.dispose() }
  }`

interface Client {
  readonly call: (name: string, ...args: ReadonlyArray<unknown>) => Promise<unknown>
  readonly end: () => Promise<void>
}

const bundled = async (): Promise<{ readonly logIn: (baseUrl: string) => Promise<Client> }> => {
  const { metafile, outputFiles } = await build({
    stdin: { contents: program, resolveDir: root },
    alias: { bson: join(root, "src/protocol/withoutBson.ts") },
    bundle: true,
    format: "esm",
    platform: "browser",
    metafile: true,
    write: false,
    tsconfig: join(root, "tsconfig.json")
  })
  assert.notInclude(Object.keys(metafile.inputs).join(), "node_modules/bson/")
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0]?.contents ?? "").toString("base64")}`)
}

layer(Server, { excludeTestServices: true })("a bundle without bson", (it) => {
  it.effect("calls functions with plain values, and refuses others by name", () =>
    Effect.flatMap(NodeAppServicesServer.baseUrl, (baseUrl) =>
      Effect.promise(async () => {
        const { logIn } = await bundled()
        const { call, end } = await logIn(baseUrl)
        assert.isTrue(await call("isPlain", plain))
        assert.deepStrictEqual(await call("same", plain), plain)
        const refused = (type: string) =>
          `${type} need the package bson, which this bundle leaves out (effect-app-services/without-bson)`
        for (const type of ["ObjectId", "Long"]) {
          const error = await call("find", type).then(
            () => assert.fail("it was read"),
            (error: unknown) => error
          )
          assert.include(String(error), refused(type))
          assert.propertyVal(error, "_tag", "AppServicesError")
        }
        for (const [type, value] of [
          ["Binary", new Uint8Array(2)],
          ["BSONRegExp", /a/]
        ] as const) {
          const error = await call("same", { value }).then(
            () => assert.fail("it was sent"),
            (error: unknown) => error
          )
          assert.include(String(error), refused(type))
        }
        await end()
      })
    )
  )
})
