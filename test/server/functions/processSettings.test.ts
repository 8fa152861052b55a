import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { anonymous, callFunction } from "../support.ts"
import { exported } from "./support.ts"

/** What would change the process of an application's functions for later calls. */
const settings: Readonly<Record<string, string>> = {
  "process.chdir": "process.chdir('/')",
  "process.umask with a mask": "require('process').umask(0)",
  "dns.setServers": "require('dns').setServers(['127.0.0.1'])",
  "dns/promises.setServers": "require('dns').promises.setServers(['127.0.0.1'])",
  "dns/promises.setDefaultResultOrder": "require('node:dns/promises').setDefaultResultOrder('ipv4first')",
  "net.setDefaultAutoSelectFamily": "require('net').setDefaultAutoSelectFamily(false)",
  "tls.setDefaultCACertificates": "require('tls').setDefaultCACertificates([])",
  "v8.setFlagsFromString": "require('v8').setFlagsFromString('--no-opt')",
  "vm.runInThisContext": "require('vm').runInThisContext('leaked = 1')",
  "worker_threads.setEnvironmentData": "require('worker_threads').setEnvironmentData('a', 1)"
}

const app = exported({
  change: `exports = (name) => {
    try { ({ ${Object.entries(settings)
      .map(([name, code]) => `${JSON.stringify(name)}: () => ${code}`)
      .join(", ")} })[name]() }
    catch (error) { return error.message }
  }`,
  read: "exports = () => [typeof process.cwd(), typeof process.umask(), require('dns').getServers().length > 0]"
})

describe("a function of an exported application", () => {
  it.effect("cannot change settings that later calls share, and can read them", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      for (const name of Object.keys(settings)) {
        const { text } = yield* callFunction(access_token, "change", [name])
        assert.strictEqual(
          JSON.parse(text),
          `${name} is not available to functions: it would change the process for later calls`
        )
      }
      assert.strictEqual((yield* callFunction(access_token, "read")).text, '["string","number",true]')
    }).pipe(Effect.provide(app))
  )
})
