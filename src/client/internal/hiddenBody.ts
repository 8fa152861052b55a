import * as HttpBody from "effect/http/HttpBody"

/**
 * A JSON body that does not print its text: transports keep the request in spans and errors, and Effect's own body prints it.
 *
 * @internal
 */
export class HiddenBody extends HttpBody.Uint8Array {
  constructor(json: string) {
    const { contentLength, contentType } = HttpBody.text(json, "application/json")
    super(undefined, contentType, contentLength, json)
  }
  override toJSON(): unknown {
    return {
      _id: "effect/HttpBody",
      _tag: this._tag,
      body: "<redacted>",
      contentType: this.contentType,
      contentLength: this.contentLength
    }
  }
}
