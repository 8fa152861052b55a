/** What callers pass: an option that may be left out may be `undefined` too, under `exactOptionalPropertyTypes` as well. */
import type { ObjectId } from "bson"
import type { HttpClientRequest, HttpServerRequest } from "effect/http"
import type {
  Config,
  Context,
  DateTime,
  Duration,
  Effect,
  Layer,
  Option,
  Redacted,
  Schedule,
  Schema,
  Stream
} from "effect"
import type * as Main from "effect-app-services"
import type * as RedisTokenRecords from "effect-app-services/client/RedisTokenRecords"
import type * as SqlTokenRecords from "effect-app-services/client/SqlTokenRecords"
import type * as Node from "effect-app-services/node"
import type * as Server from "effect-app-services/server"
import type * as Testing from "effect-app-services/testing"
import { describe, expectTypeOf, it } from "vitest"

type IsAny<T> = 0 extends 1 & T ? true : false

/** Types of other packages, and objects that are not options. */
type Foreign =
  | string
  | number
  | Exclude<Duration.Input, string | number>
  | Redacted.Redacted<unknown>
  | Effect.Effect<unknown, unknown, unknown>
  | Stream.Stream<unknown, unknown, unknown>
  | Layer.Layer<never, unknown, unknown>
  | Config.Config<unknown>
  | Schedule.Schedule<unknown, never, unknown, unknown>
  | Schema.Constraint
  | Date
  | URL
  | DateTime.DateTime
  | HttpClientRequest.HttpClientRequest
  | HttpServerRequest.HttpServerRequest
  | Option.Option<unknown>
  | ObjectId
  | Uint8Array
  | RegExp
  | Promise<unknown>
  | symbol
  // what its file holds
  | Testing.Recording.Recording

/** The paths of what may be left out and not be `undefined`. `Depth` ends what contains itself. */
type Missing<T, Path extends string, Depth extends ReadonlyArray<unknown> = []> = Depth["length"] extends 6
  ? never
  : IsAny<T> extends true
    ? never
    : unknown extends T
      ? never
      : T extends Foreign | ((...args: never) => unknown) | boolean | bigint | null | undefined
        ? never
        : T extends ReadonlyArray<infer Item>
          ? Missing<Item, Path, [...Depth, 0]>
          : T extends object
            ? {
                // `-?` takes away what may be left out, not what is `undefined`
                [Key in keyof T]-?: Key extends "field" | "toString"
                  ? never
                  : Key extends string
                    ? | (object extends Pick<T, Key>
                          ? string extends Key
                            ? never
                            : undefined extends Required<T>[Key]
                              ? never
                              : `${Path}.${Key}`
                          : never)
                      | Missing<Required<T>[Key], `${Path}.${Key}`, [...Depth, 0]>
                    : never
              }[keyof T]
            : never

type OfParameters<F, Path extends string> = F extends (...args: infer Parameters) => unknown
  ? Missing<Parameters[number], Path>
  : never

/** All that functions, constructors and services of a module are called with. */
type OfModule<Module, Path extends string> = {
  [Name in keyof Module]-?: Name extends string
    ? Module[Name] extends Context.Key<infer _, infer Service>
      ? | OfService<Service, `${Path}.${Name}`>
        | OfModule<Omit<Module[Name], keyof Context.Key<unknown, unknown> | "prototype">, `${Path}.${Name}`>
      : Module[Name] extends (...args: never) => unknown
        ? OfParameters<Module[Name], `${Path}.${Name}`>
        : Module[Name] extends Foreign
          ? never
          : Module[Name] extends object
            ? OfModule<Module[Name], `${Path}.${Name}`>
            : never
    : never
}[keyof Module]

type OfService<Service, Path extends string> = {
  [Name in keyof Service]-?: Name extends string ? OfParameters<Service[Name], `${Path}.${Name}`> : never
}[keyof Service]

/** A filter that asks nothing of a field is refused, so fields are not looked at. */
interface Widget {
  readonly field: ReadonlyArray<string>
}
type Widgets = Main.MongoCollection<Widget, Widget>
type UpdateOperators = Exclude<Main.Update<Widget>, ReadonlyArray<unknown>>

describe("what may be left out may be undefined", () => {
  it("holds for the functions of the main entry point", () => {
    expectTypeOf<OfModule<typeof Main, "">>().toEqualTypeOf<never>()
    expectTypeOf<OfService<Main.User, "User">>().toEqualTypeOf<never>()
    expectTypeOf<OfService<Main.UserApiKeys, "UserApiKeys">>().toEqualTypeOf<never>()
    expectTypeOf<OfService<Main.PushClient, "PushClient">>().toEqualTypeOf<never>()
    expectTypeOf<OfService<Widgets, "MongoCollection">>().toEqualTypeOf<never>()
    expectTypeOf<Missing<Main.Filter<Widget>["field"], "field">>().toEqualTypeOf<never>()
    expectTypeOf<Missing<NonNullable<UpdateOperators["$push"]>["field"], "$push">>().toEqualTypeOf<never>()
  })

  it("holds for the functions of the other entry points", () => {
    expectTypeOf<OfModule<typeof Node, "">>().toEqualTypeOf<never>()
    expectTypeOf<OfModule<Omit<typeof Server, "AdminApi">, "">>().toEqualTypeOf<never>()
    expectTypeOf<Missing<Server.App.HandlerOptions, "HandlerOptions">>().toEqualTypeOf<never>()
    expectTypeOf<OfModule<typeof Testing, "">>().toEqualTypeOf<never>()
    expectTypeOf<OfModule<typeof RedisTokenRecords, "">>().toEqualTypeOf<never>()
    expectTypeOf<OfModule<typeof SqlTokenRecords, "">>().toEqualTypeOf<never>()
  })

  it("the check finds what it looks for", () => {
    type Found = OfModule<{ make: (options: { a?: number; b?: { c?: string } | undefined; d: 1 }) => void }, "x">
    expectTypeOf<Found>().toEqualTypeOf<"x.make.a" | "x.make.b.c">()
  })
})
