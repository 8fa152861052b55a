import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { crc32, deflateRawSync, gzipSync } from "node:zlib"
import { create as createTar, Header } from "tar"
import * as archives from "../../src/cli/internal/archives.ts"
import { directory } from "../server/support.ts"
import { anonymousApp, call, run, serveJson } from "./support.ts"

/** npm may not ask a registry in tests. */
const offline = { npm_config_offline: "true", npm_config_update_notifier: "false" }

const write = (folder: string, files: Record<string, string>) => {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
}

const packageOf = (name: string, index: string, more: object = {}) => ({
  "package.json": JSON.stringify({ name, version: "1.0.0", ...more }),
  "index.js": index
})

const shout = {
  "node_modules/shout/package.json": '{ "name": "shout" }',
  "node_modules/shout/index.js": "module.exports = (text) => text + '!'"
}

/** A tar archive with one file of this name. */
const tarOf = (path: string, content: Uint8Array | string, type: "File" | "SymbolicLink" = "File") => {
  const bytes = Buffer.from(content)
  const block = Buffer.alloc(512)
  new Header({
    path,
    type,
    size: type === "File" ? bytes.length : 0,
    mode: 0o644,
    linkpath: type === "File" ? "" : bytes.toString()
  }).encode(block)
  const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512)
  return Buffer.concat([block, ...(type === "File" ? [bytes, padding] : []), Buffer.alloc(1024)])
}

/** A zip archive with one file of this name. */
const zipOf = (name: string, content: Uint8Array | string) => {
  const [path, bytes] = [Buffer.from(name), Buffer.from(content)]
  const packed = deflateRawSync(bytes)
  const fields = Buffer.alloc(26)
  fields.writeUInt16LE(20, 0)
  fields.writeUInt16LE(8, 4)
  fields.writeUInt32LE(crc32(bytes), 10)
  fields.writeUInt32LE(packed.length, 14)
  fields.writeUInt32LE(bytes.length, 18)
  fields.writeUInt16LE(path.length, 22)
  const local = Buffer.concat([Buffer.from("PK\x03\x04"), fields, path, packed])
  const central = Buffer.concat([Buffer.from("PK\x01\x02"), Buffer.from([20, 3]), fields, Buffer.alloc(14), path])
  const end = Buffer.alloc(18)
  end.writeUInt16LE(1, 4)
  end.writeUInt16LE(1, 6)
  end.writeUInt32LE(central.length, 8)
  end.writeUInt32LE(local.length, 12)
  return Buffer.concat([local, central, Buffer.from("PK\x05\x06"), end])
}

describe("install", () => {
  it.live("installs what package.json names without scripts, and functions can require it", () =>
    Effect.gen(function* () {
      const folder = yield* directory({
        ...anonymousApp("shop", { f: "exports = () => require('shout')('hey')" }),
        "functions/package.json": { dependencies: { shout: "file:./vendor/shout.tgz" } },
        "functions/vendor/.keep": ""
      })
      const source = yield* directory(
        packageOf("shout", "module.exports = (text) => text + '!'", { scripts: { postinstall: "touch ran" } })
      )
      execFileSync("npm", ["pack", "--pack-destination", join(folder, "functions/vendor")], {
        cwd: source,
        stdio: "ignore"
      })
      execFileSync("mv", [join(folder, "functions/vendor/shout-1.0.0.tgz"), join(folder, "functions/vendor/shout.tgz")])

      const before = yield* serveJson([folder])
      assert.include((yield* call(before.ready, "f")).body["error"], `run "npx effect-app-services install`)
      assert.include(
        before.output.stderr,
        // in a line of JSON
        JSON.stringify(
          `functions/f.js:1: the package "shout" is not installed, which the function f requires: run "npx effect-app-services install ${folder}"`
        ).slice(1, -1)
      )
      const { code, stderr, stdout } = yield* run(["install", folder], offline)
      assert.strictEqual(code, 0, stderr)
      assert.include(stdout, "npm install --ignore-scripts --omit=dev")
      assert.include(stdout, `${folder}: every package that its functions require is installed`)
      assert.deepStrictEqual(readdirSync(join(folder, "functions/node_modules/shout")).toSorted(), [
        "index.js",
        "package.json"
      ])
      const after = yield* serveJson([folder])
      assert.strictEqual(JSON.stringify((yield* call(after.ready, "f")).body), '"hey!"')
      assert.notInclude(after.output.stderr, "not installed")
    })
  )

  it.live("unpacks an exported archive once, and names what it does not have", () =>
    Effect.gen(function* () {
      const folder = yield* directory(
        anonymousApp("shop", {
          f: "exports = () => require('shout')('hey')",
          g: "exports = () => require('--foreground-scripts')"
        })
      )
      const source = yield* directory(shout)
      symlinkSync("/etc/passwd", join(source, "node_modules/link"))
      createTar({ file: join(folder, "functions/node_modules.tar.gz"), cwd: source, gzip: true, sync: true }, [
        "node_modules"
      ])

      const first = yield* run(["install", folder], offline)
      assert.strictEqual(first.code, 1)
      assert.include(first.stdout, "2 files of")
      assert.include(first.stdout, "without its 1 links")
      assert.include(first.stderr, '"--foreground-scripts", which functions/g.js:1 requires')
      assert.deepStrictEqual(readdirSync(join(folder, "functions/node_modules")), ["shout"])
      assert.isFalse(existsSync(join(folder, "package.json")))
      write(folder, { "functions/g.js": "exports = () => 1" })
      const second = yield* run(["install", folder], offline)
      assert.strictEqual(second.code, 0, second.stderr)
      assert.include(second.stdout, "is not unpacked again")
      const { ready } = yield* serveJson([folder])
      assert.strictEqual(JSON.stringify((yield* call(ready, "f")).body), '"hey!"')
    })
  )

  it.live("fails if npm does, and names the folder", () =>
    Effect.gen(function* () {
      const folder = yield* directory({ ...anonymousApp("shop", { f: "exports = () => require('no-such-package')" }) })
      const { code, stderr, stdout } = yield* run(["install", folder], offline)
      assert.strictEqual(code, 1)
      assert.include(stdout, "no package.json has no-such-package: the newest version is installed")
      assert.include(stderr, `npm failed in ${join(folder, "functions")}`)
      assert.isFalse(existsSync(join(folder, "functions/node_modules")))
    })
  )

  it.live("refuses a damaged archive, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const folder = yield* directory({
        ...anonymousApp("shop", { f: "exports = () => require('shout')" }),
        "functions/node_modules.tar.gz": "not an archive"
      })
      const { code, stderr } = yield* run(["install", folder], offline)
      assert.strictEqual(code, 1)
      assert.match(stderr, /node_modules\.tar\.gz cannot be unpacked: .*archive/i)
      assert.deepStrictEqual(readdirSync(join(folder, "functions")).toSorted(), [
        "config.json",
        "f.js",
        "node_modules.tar.gz"
      ])
    })
  )
})

describe("an archive of packages", () => {
  const limits = { files: 10, bytes: 4096 }
  const unpack = (archive: string, content: Uint8Array) =>
    Effect.gen(function* () {
      const folder = yield* directory({ "inside/.keep": "" })
      writeFileSync(join(folder, archive), content)
      const into = join(folder, "inside")
      const result = yield* Effect.promise(() =>
        archives.unpack(join(folder, archive), into, limits).then(
          ({ files }) => `${files} files`,
          (cause: unknown) => String(cause)
        )
      )
      const outside = readdirSync(folder).filter((name) => name !== archive && name !== "inside")
      assert.deepStrictEqual(outside, [], "something was written outside of the folder")
      return { into, result }
    })

  it.effect.each([
    "../out.js",
    "node_modules/../../out.js",
    "/tmp/effect-app-services-out.js",
    "node_modules\\..\\..\\out.js",
    "C:\\out.js"
  ])("does not write outside of its folder: %s", (name) =>
    Effect.gen(function* () {
      const { result } = yield* unpack("a.tar", tarOf(name, "x"))
      assert.match(result, /leads out of the folder|invalid/i)
      const { result: zipped } = yield* unpack("a.zip", zipOf(name, "x"))
      assert.match(zipped, /leads out of the folder|invalid relative path|absolute path|invalid characters/i)
    })
  )

  it.effect("leaves links out, so that nothing is written through one", () =>
    Effect.gen(function* () {
      const bytes = Buffer.concat([
        tarOf("node_modules/a", "..", "SymbolicLink").subarray(0, 512),
        tarOf("node_modules/a/out.js", "x")
      ])
      const { into, result } = yield* unpack("a.tar", bytes)
      assert.strictEqual(result, "1 files")
      assert.strictEqual(readFileSync(join(into, "a/out.js"), "utf8"), "x")
    })
  )

  it.effect("is limited in the size and the number of its files, whatever it is compressed to", () =>
    Effect.gen(function* () {
      const large = tarOf("node_modules/zeros", new Uint8Array(1024 * 1024))
      assert.match((yield* unpack("a.tar.gz", gzipSync(large))).result, /larger than/)
      assert.match(
        (yield* unpack("a.zip", zipOf("node_modules/zeros", new Uint8Array(1024 * 1024)))).result,
        /larger than/
      )
      const many = Array.from({ length: 11 }, (_, i) => tarOf(`node_modules/${i}`, "x").subarray(0, 1024))
      assert.match((yield* unpack("a.tar", Buffer.concat([...many, Buffer.alloc(1024)]))).result, /more than 10 files/)
    })
  )

  it.effect("is unpacked with or without the folder of packages, from tar and zip", () =>
    Effect.gen(function* () {
      for (const name of ["node_modules/p/index.js", "./node_modules/p/index.js", "p/index.js"]) {
        const { into } = yield* unpack("a.tgz", gzipSync(tarOf(name, "text")))
        assert.strictEqual(readFileSync(join(into, "p/index.js"), "utf8"), "text")
      }
      const { into } = yield* unpack("a.zip", zipOf("node_modules/p/index.js", "text"))
      assert.strictEqual(readFileSync(join(into, "p/index.js"), "utf8"), "text")
    })
  )
})
