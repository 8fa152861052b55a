/** An empty folder outside of the project, and what the checks of the packed package do in it. */
import { spawn, spawnSync } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { createInterface } from "node:readline"
import { isEntryPoint, publicModules } from "./surface.ts"

export const root = resolve(import.meta.dirname, "..")

export const manifest: {
  readonly name: string
  readonly version: string
  readonly devDependencies: Readonly<Record<string, string>>
} = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

/** A package in the version that the project itself uses. */
export const asHere = (...names: ReadonlyArray<string>) =>
  names.map((name) => `${name}@${manifest.devDependencies[name]}`)

export const check = (condition: boolean, message: string): void => {
  if (!condition) throw new Error(message)
}

// npm tells its scripts about the project that runs them; the folder does not belong to it
export const env = Object.fromEntries(
  Object.entries(process.env).filter(([key]) => !/^npm_(package|lifecycle|config_local_prefix)/.test(key))
)

/** Runs a command; returns its output, or throws an error with all of it. */
export const run = (command: string, args: ReadonlyArray<string>, cwd: string): string => {
  const { error, status, stderr, stdout } = spawnSync(command, args, { cwd, env, encoding: "utf8" })
  check(status === 0, `${error ?? ""}${[command, ...args].join(" ")}\n${stdout}${stderr}`)
  return stdout.trim()
}

/** Runs `use` in a temporary folder that contains the packed package. */
export const withTarball = async (
  use: (folder: string, packed: { readonly tarball: string; readonly bytes: number }) => Promise<void>
): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), `${manifest.name}-`))
  try {
    const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder]
    const [{ filename, size }] = JSON.parse(run("npm", pack, root))
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
    await use(folder, { tarball: join(folder, filename), bytes: size })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const npmIn =
  (folder: string) =>
  (...args: ReadonlyArray<string>) =>
    run("npm", [...args, "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"], folder)

/**
 * Serves the packed sample application in a folder, as the README says, with further flags, while `use` runs. Returns what
 * the server logged.
 */
export const withShop = async (
  folder: string,
  use: (baseUrl: string) => Promise<void>,
  flags: ReadonlyArray<string> = []
): Promise<string> => {
  const command = join(folder, "node_modules/.bin", manifest.name)
  const shop = join("node_modules", manifest.name, "examples/shop")
  const child = spawn(command, ["serve", shop, "--port", "0", "--json", ...flags], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe"]
  })
  const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve))
  let said = ""
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()))
  const lines = createInterface(child.stdout)
  try {
    const first = await Promise.race([new Promise<string>((resolve) => lines.once("line", resolve)), ended])
    check(typeof first === "string", `the server printed no line: ${said}`)
    const { baseUrl }: { readonly baseUrl: string } = JSON.parse(String(first))
    await use(baseUrl)
    child.kill("SIGTERM")
    check((await ended) === 0, `the server exited with an error: ${said}`)
    return said
  } finally {
    child.kill("SIGKILL")
  }
}

/** The names of the modules that users can import, without the entry points, and the paths of all others. */
export const modules = () => {
  const visible = publicModules.filter(({ file }) => !isEntryPoint(file)).map(({ name }) => name)
  const hidden = globSync("**/*.js", { cwd: join(root, "dist") })
    .map((file) => file.slice(0, -3))
    .filter((path) => path.includes("/") && !visible.includes(`${manifest.name}/${path}`))
  return { hidden: [...hidden, "bin"], visible }
}

/** The text of a file that exports everything of some modules. */
export const everythingOf = (paths: ReadonlyArray<string>): string =>
  paths.map((path, index) => `export * as m${index} from "${path}"\n`).join("")
