/**
 * Unpacks the archive of an application's packages: the only module that imports `tar` and `yauzl`.
 *
 * An archive may come from anywhere, so nothing of it decides where files are written: names that lead out of the folder are
 * an error, links are left out, existing files are never written to, and the number and the size of the files are limited.
 */
import { closeSync, createReadStream, mkdirSync, openSync, writeSync } from "node:fs"
import { dirname, join } from "node:path"
import { Parser, type ReadEntry } from "tar"
import * as yauzl from "yauzl"

/** The limits of what an archive may contain. */
export interface Limits {
  readonly files: number
  /** All files together, unpacked. */
  readonly bytes: number
}

/** What was unpacked. */
export interface Unpacked {
  readonly files: number
  /** The links, which were left out. */
  readonly links: number
}

/** Writes the entries of an archive below a folder. */
interface Writer {
  /** Begins a file, unless it is outside of `node_modules`. Returns what takes its bytes. */
  readonly file: (name: string) => { readonly write: (chunk: Uint8Array) => void; readonly close: () => void }
  readonly link: () => void
  readonly unpacked: () => Unpacked
}

/** The path of an entry below `node_modules`, with or without that folder and those above it. Throws if it leads elsewhere. */
const pathOf = (name: string): string => {
  const parts = name.replaceAll("\\", "/").split("/")
  const isOutside = name.startsWith("/") || name.includes("\0") || /^[a-z]:/i.test(name) || parts.includes("..")
  if (isOutside) throw new Error(`the entry ${JSON.stringify(name)} leads out of the folder`)
  const plain = parts.filter((part) => part !== "" && part !== ".")
  return plain.slice(plain.indexOf("node_modules") + 1).join("/")
}

const writerOf = (folder: string, { bytes: mostBytes, files: mostFiles }: Limits): Writer => {
  let files = 0
  let links = 0
  let bytes = 0
  const made = new Set<string>()
  return {
    file: (name) => {
      const path = pathOf(name)
      if (path === "") throw new Error(`the entry ${JSON.stringify(name)} has no name`)
      if (++files > mostFiles) throw new Error(`it has more than ${mostFiles} files`)
      const target = join(folder, path)
      const parent = dirname(target)
      if (!made.has(parent)) mkdirSync(parent, { recursive: true })
      made.add(parent)
      const descriptor = openSync(target, "wx", 0o644)
      return {
        write: (chunk) => {
          bytes += chunk.length
          if (bytes > mostBytes) throw new Error(`its files are larger than ${mostBytes / 1024 ** 2} MiB`)
          for (let at = 0; at < chunk.length;) at += writeSync(descriptor, chunk, at)
        },
        close: () => closeSync(descriptor)
      }
    },
    link: () => {
      links++
    },
    unpacked: () => ({ files, links })
  }
}

const ofTar = (archive: string, writer: Writer): Promise<void> =>
  new Promise((resolve, reject) => {
    let failed = false
    const fail = (cause: unknown) => {
      failed = true
      reject(cause)
    }
    /** Runs inside of the parser, which does not expect exceptions. */
    const attempt = (run: () => void) => {
      try {
        if (!failed) run()
      } catch (cause) {
        fail(cause)
      }
    }
    const onReadEntry = (entry: ReadEntry) => {
      if (entry.type === "SymbolicLink" || entry.type === "Link") writer.link()
      if (!fileTypes.has(entry.type)) return entry.resume()
      let file: ReturnType<Writer["file"]> | undefined
      attempt(() => (file = writer.file(entry.path)))
      entry.on("data", (chunk) => attempt(() => file?.write(chunk)))
      entry.on("end", () => file?.close())
    }
    const parser = new Parser({ strict: true, onReadEntry })
    parser.on("error", fail)
    parser.on("end", () => resolve())
    const write = async () => {
      for await (const chunk of createReadStream(archive)) {
        if (failed) return
        parser.write(chunk)
      }
      parser.end()
    }
    write().catch(fail)
  })

const fileTypes = new Set(["File", "OldFile", "ContiguousFile"])

const ofZip = async (archive: string, writer: Writer): Promise<void> => {
  const zip = await yauzl.openPromise(archive)
  try {
    for await (const entry of zip.eachEntry()) {
      const isLink = ((entry.externalFileAttributes >>> 16) & 0o170000) === 0o120000
      if (isLink) writer.link()
      if (isLink || entry.fileName.endsWith("/")) continue
      const file = writer.file(entry.fileName)
      try {
        for await (const chunk of await zip.openReadStreamPromise(entry)) file.write(chunk)
      } finally {
        file.close()
      }
    }
  } finally {
    zip.close()
  }
}

/** Unpacks an archive (`.zip`, `.tar`, `.tar.gz`) into a folder. Rejects with what is wrong with it. */
export const unpack = async (archive: string, folder: string, limits: Limits): Promise<Unpacked> => {
  const writer = writerOf(folder, limits)
  await (archive.endsWith(".zip") ? ofZip : ofTar)(archive, writer)
  return writer.unpacked()
}
