/** Reads event streams byte for byte (§7.5). */
import assert from "node:assert/strict"
import { request as httpRequest } from "node:http"

/** One event: its raw fields by name. */
export interface RawEvent {
  readonly event: string | undefined
  readonly data: ReadonlyArray<string>
}

export interface EventsOptions {
  readonly token?: string
  readonly until: number | "end"
  /** Called once the answer has begun. */
  readonly onOpen?: () => Promise<unknown>
}

const eventOf = (block: string): RawEvent => {
  const lines = block.split("\n").filter((line) => line !== "" && !line.startsWith(":"))
  const fields = lines.map((line) => /^([^:]*):? ?(.*)$/s.exec(line) ?? [])
  return {
    event: fields.find(([, name]) => name === "event")?.[2],
    data: fields.filter(([, name]) => name === "data").map(([, , value]) => value ?? "")
  }
}

/** Opens a stream and reads a number of events, or all of them. */
export const read = (baseUrl: string, path: string, { onOpen, token, until }: EventsOptions) =>
  new Promise<ReadonlyArray<RawEvent>>((resolve, reject) => {
    const { hostname, port } = new URL(baseUrl)
    const headers = {
      accept: "text/event-stream",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` })
    }
    const request = httpRequest({ hostname, port, path, headers, agent: false }, (response) => {
      let text = ""
      const events = () => {
        const blocks = text.split("\n\n").slice(0, -1)
        return blocks.map(eventOf).filter(({ data, event }) => data.length > 0 || event !== undefined)
      }
      response.setEncoding("utf8")
      response.on("error", reject)
      response.on("data", (chunk: string) => {
        text += chunk
        if (until !== "end" && events().length >= until) {
          resolve(events().slice(0, until))
          response.destroy()
        }
      })
      response.on("end", () => resolve(events()))
      try {
        assert.equal(response.statusCode, 200)
        assert.equal(response.headers["content-type"], "text/event-stream")
      } catch (error) {
        reject(error)
        return
      }
      onOpen?.().catch(reject)
    })
    request.on("error", reject)
    request.end()
  })

/** The data of an event as clients decode it: there are three escapes. */
export const decode = ({ data }: RawEvent): unknown => {
  assert.equal(data.length, 1, "one line of data for each event")
  const text = (data[0] ?? "").replaceAll(/%25|%0A|%0D/g, (escape) => decodeURIComponent(escape))
  return JSON.parse(text)
}

export const base64 = (request: unknown): string => Buffer.from(JSON.stringify(request)).toString("base64")
