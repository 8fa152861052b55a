/**
 * The service `aws`: operations of Amazon's services, through the packages of the AWS SDK. They are looked for among the
 * application's packages, then beside this package, and loaded when an operation needs them.
 */
import { Binary, Decimal128, Double, Int32, Long, ObjectId } from "bson"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"
import * as Bson from "../../data/internal/bson.ts"
import type { Service } from "../../model/Service.ts"
import { packages } from "../shared/awsPackages.ts"
import { failed, missing, secretTextOf, ServiceError, textOf } from "./ServiceError.ts"

/** The maximum size of what an operation answers, in bytes. */
const answerLimit = 32 * 1024 ** 2

/** An operation: `PutObject` of `s3`, with its input and the region, if the function names one. */
export interface Operation {
  readonly service: string
  readonly name: string
  readonly input: unknown
  readonly region: string | undefined
}

type Constructor = new (options: unknown) => object
type Module = Readonly<Record<string, unknown>>

/** Loads a package of the SDK, from the folder of an application's functions or from here. */
const load = Effect.fnUntraced(function* (name: string, root: string | undefined) {
  const from = [...(root === undefined ? [] : [`${root}/functions/index.js`]), import.meta.url]
  const file = from.flatMap((place) => {
    try {
      return [createRequire(place).resolve(name)]
    } catch {
      return []
    }
  })[0]
  if (file === undefined) {
    return yield* failed(
      `the package "${name}" is not installed, which this operation needs: run "npx effect-app-services install ${root ?? "DIR"}", or "npm install ${name}"`
    )
  }
  return yield* Effect.tryPromise({
    try: (): Promise<Module> => import(pathToFileURL(file).href),
    catch: (cause) =>
      failed(`the package "${name}" cannot be loaded: ${Predicate.isError(cause) ? cause.message : "unknown"}`)
  })
})

const constructorOf = (module: Module, name: string): Constructor | undefined => {
  const found = module[name]
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a package of the SDK exports under such a name
  return typeof found === "function" ? (found as Constructor) : undefined
}

/** Runs an operation; `root` is the folder of the application. */
export const run = Effect.fnUntraced(function* (
  service: Service,
  operation: Operation,
  root: string | undefined
): Effect.fn.Return<unknown, ServiceError> {
  const found = packages.get(operation.service)
  if (found === undefined) return yield* failed(`"${operation.service}" is not a service of AWS that functions can use`)
  const options = yield* optionsOf(service, operation.region)
  const module = yield* load(found.name, root)
  const Client = constructorOf(module, found.client)
  if (Client === undefined) return yield* failed(`the package "${found.name}" has no ${found.client}`)
  const client = new Client(options)
  return yield* (
    operation.name === "PresignURL" ? presign(client, module, operation, root) : send(client, module, operation)
  ).pipe(Effect.ensuring(Effect.sync(() => callOf(client, "destroy")?.())))
})

const optionsOf = Effect.fnUntraced(function* (service: Service, region: string | undefined) {
  const accessKeyId = textOf(service, "accessKeyId")
  const secretAccessKey = secretTextOf(service, "secretAccessKey")
  if (accessKeyId === undefined) return yield* missing(service, "accessKeyId")
  if (secretAccessKey === undefined) return yield* missing(service, "secretAccessKey")
  const endpoint = textOf(service, "endpoint")
  return {
    region: region ?? textOf(service, "region") ?? "us-east-1",
    credentials: { accessKeyId, secretAccessKey: Redacted.value(secretAccessKey) },
    ...(endpoint === undefined ? undefined : { endpoint, forcePathStyle: true })
  }
})

const callOf = (target: object, name: string): ((...args: ReadonlyArray<unknown>) => unknown) | undefined => {
  const method: unknown = Reflect.get(target, name)
  return typeof method === "function" ? (...args) => Reflect.apply(method, target, args) : undefined
}

const commandOf = Effect.fnUntraced(function* (module: Module, { name, service }: Operation, input: unknown) {
  const Command = constructorOf(module, `${name}Command`)
  return Command === undefined ? yield* failed(`"${name}" is not an operation of ${service}`) : new Command(input)
})

const send = Effect.fnUntraced(function* (client: object, module: Module, operation: Operation) {
  const command = yield* commandOf(module, operation, plain(operation.input ?? {}))
  return yield* Effect.tryPromise({
    try: async (abortSignal) => await valueOf(await callOf(client, "send")?.(command, { abortSignal })),
    catch: failureOf
  })
})

/** Signs a URL: `{ Bucket, Key, Method, ExpirationMS }`. */
const presign = Effect.fnUntraced(function* (
  client: object,
  module: Module,
  operation: Operation,
  root: string | undefined
) {
  if (operation.service !== "s3") return yield* failed("PresignURL is an operation of s3")
  const input = Option.getOrUndefined(decodePresign(plain(operation.input)))
  if (input === undefined) return yield* failed("PresignURL takes { Bucket, Key, Method, ExpirationMS }")
  const { Bucket, ExpirationMS, Key, Method } = input
  const name = signed.get((Method ?? "GET").toUpperCase())
  if (name === undefined) return yield* failed(`PresignURL takes the "Method" ${[...signed.keys()].join(", ")}`)
  const command = yield* commandOf(module, { ...operation, name }, { Bucket, Key })
  const signer = yield* load("@aws-sdk/s3-request-presigner", root)
  const expiresIn = Math.max(1, Math.floor((ExpirationMS ?? 900_000) / 1000))
  return yield* Effect.tryPromise({
    try: async () => await callOf(signer, "getSignedUrl")?.(client, command, { expiresIn }),
    catch: failureOf
  })
})

const decodePresign = Schema.decodeUnknownOption(
  Schema.Struct({
    Bucket: Schema.String,
    Key: Schema.String,
    Method: Schema.optional(Schema.NullOr(Schema.String)),
    ExpirationMS: Schema.optional(Schema.NullOr(Schema.Finite))
  })
)

const signed = new Map([
  ["GET", "GetObject"],
  ["HEAD", "HeadObject"],
  ["PUT", "PutObject"],
  ["DELETE", "DeleteObject"]
])

const failureOf = (cause: unknown): ServiceError =>
  cause instanceof ServiceError
    ? cause
    : failed(Predicate.isError(cause) ? `${cause.name}: ${cause.message}` : "unknown error")

/** The input of an operation: binaries become bytes, and numbers plain. */
const plain = (value: unknown): unknown => {
  if (value instanceof Binary) return Uint8Array.from(value.value())
  if (Array.isArray(value)) return value.map(plain)
  if (Bson.isDocument(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
  if (value instanceof Int32 || value instanceof Double || value instanceof Long) return Number(value)
  return value instanceof ObjectId || value instanceof Decimal128 ? value.toString() : value
}

/** The output of an operation: bytes and streams become binaries. */
const valueOf = async (value: unknown): Promise<unknown> => {
  if (value instanceof Uint8Array) return new Binary(value)
  if (Array.isArray(value)) return await Promise.all(value.map(valueOf))
  if (!Predicate.isObject(value) || value instanceof Date) return value
  if (typeof Reflect.get(value, Symbol.asyncIterator) === "function") return new Binary(await bytesOf(value))
  const entries = Object.entries(value).filter(([key, item]) => key !== "$metadata" && item !== undefined)
  return Object.fromEntries(await Promise.all(entries.map(async ([key, item]) => [key, await valueOf(item)] as const)))
}

const bytesOf = async (stream: object): Promise<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  let length = 0
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the body of an object, which the SDK reads in bytes
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > answerLimit) throw failed(`the answer is larger than ${answerLimit / 1024 ** 2} MiB`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
