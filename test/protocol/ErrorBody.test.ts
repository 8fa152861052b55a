import { assert, describe, it } from "@effect/vitest"
import * as ErrorBody from "../../src/protocol/internal/errorBody.ts"

const none = { message: undefined, code: undefined, link: undefined, json: undefined }

describe("the body of a failed request, in every shape hosts send", () => {
  it.each<[string, string, ErrorBody.ErrorBody]>([
    [
      "as the protocol has it",
      '{"error":"unauthorized","error_code":"InvalidPassword","link":"https://h/logs?co_id=1"}',
      { ...none, message: "unauthorized", code: "InvalidPassword", link: "https://h/logs?co_id=1" }
    ],
    ["without a code", '{"error":"must authenticate first"}', { ...none, message: "must authenticate first" }],
    ["with errorCode", '{"error":"x","errorCode":"InvalidSession"}', { ...none, message: "x", code: "InvalidSession" }],
    ["with message instead of error", '{"message":"Too many requests"}', { ...none, message: "Too many requests" }],
    [
      "with a status text in error and the cause in message",
      '{"statusCode":500,"error":"Internal Server Error","message":"User not confirmed"}',
      { ...none, message: "User not confirmed" }
    ],
    [
      "with a code, a text and a status text",
      '{"error":"unauthorized","error_code":"InvalidSession","message":"Unauthorized"}',
      { ...none, message: "unauthorized", code: "InvalidSession" }
    ],
    [
      "with the JSON of an exception in error",
      '{"error":"{\\"message\\":\\"boom\\",\\"name\\":\\"Error\\"}","error_code":"FunctionExecutionError"}',
      {
        ...none,
        message: "boom",
        code: "FunctionExecutionError",
        json: '{"message":"boom","name":"Error"}'
      }
    ],
    ["with text in error that only begins like JSON", '{"error":"{oops"}', { ...none, message: "{oops" }],
    ["with fields of the wrong type", '{"error":5,"error_code":null,"link":{}}', none],
    ["an unknown code", '{"error":"x","error_code":"Brandnew"}', { ...none, message: "x", code: "Brandnew" }],
    ["a proxy's page", "<html><body>502 Bad Gateway</body></html>", none],
    ["an array", "[1]", none],
    ["a JSON string", '"no"', none],
    ["nothing", "", none]
  ])("%s", (_, body, expected) => assert.deepStrictEqual(ErrorBody.parse(body), expected))
})
