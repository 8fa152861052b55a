/**
 * Writes `package-lock.json`, with an entry for every platform's binaries: `npm run lock` after a change of dependencies.
 * A registry mirror that keeps the binaries of its own platform only makes npm leave the others out, and `npm ci` then
 * refuses the lock file.
 */
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")
const file = join(root, "package-lock.json")
execFileSync("npm", ["install", "--package-lock-only", "--no-audit", "--no-fund", "--loglevel=error"], {
  cwd: root,
  stdio: "inherit"
})

interface Entry {
  readonly version: string
  readonly optionalDependencies?: Record<string, string>
}
const lock: { packages: Record<string, Entry> } = JSON.parse(readFileSync(file, "utf8"))
const platform = /(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-([a-z0-9]+)(?:-(gnu|musl))?/
const added: Record<string, Entry> = {}

for (const { optionalDependencies = {} } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const [, os, cpu, libc] = platform.exec(name) ?? []
    const path = `node_modules/${name}`
    if (path in lock.packages || os === undefined) continue
    added[path] = Object.assign(
      { version, cpu: [cpu], dev: true },
      os === "linux" && libc !== undefined ? { libc: [libc === "gnu" ? "glibc" : libc] } : {},
      { optional: true, os: [os] }
    )
  }
}

const packages = Object.entries({ ...lock.packages, ...added }).toSorted(([a], [b]) => a.localeCompare(b, "en"))
writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`)
console.log(`${packages.length} packages, ${Object.keys(added).length} of them added for other platforms`)
