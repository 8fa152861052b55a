/**
 * Metrics for monitoring systems: `serve --metrics-port`, from which Prometheus reads them, and the export by OTLP, which the
 * variables of OpenTelemetry configure.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Otlp from "effect/observability/Otlp"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { createServer } from "node:http"
import { isLocal } from "../server/api/AdminAccess.ts"

const contentType = "text/plain; version=0.0.4; charset=utf-8"

/** Web pages cannot read it, by another name of this machine either. */
const answer = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (!isLocal(request)) {
    return HttpServerResponse.text("metrics are for programs on this machine only\n", { status: 403 })
  }
  const path = request.url.split("?", 1)[0]
  return request.method === "GET" && path === "/metrics"
    ? HttpServerResponse.text(yield* PrometheusMetrics.format(), { contentType })
    : HttpServerResponse.text("not found: the metrics are at GET /metrics\n", { status: 404 })
})

/** Serves the metrics on a port of this machine, without a token, until the scope closes. Returns their URL. */
export const open = Effect.fnUntraced(function* (port: number) {
  const server = yield* NodeHttpServer.make(() => createServer(), { host: "127.0.0.1", port })
  yield* server.serve(answer)
  return `${HttpServer.formatAddress(server.address)}/metrics`
})

/** What the variables of OpenTelemetry are if they are not set. */
const defaults = ConfigProvider.fromUnknown({
  OTEL_METRICS_EXPORTER: "otlp",
  OTEL_SERVICE_NAME: "effect-app-services"
})

const endpoint = Config.option(
  Config.orElse(Config.String("OTEL_EXPORTER_OTLP_ENDPOINT"), () =>
    Config.String("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
  )
)

const serialization = Config.String("OTEL_EXPORTER_OTLP_PROTOCOL").pipe(
  Config.withDefault("http/protobuf"),
  Config.map((protocol) => (protocol === "http/json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf))
)

/**
 * Sends metrics to a collector if `OTEL_EXPORTER_OTLP_ENDPOINT` is set; also logs and traces if `OTEL_LOGS_EXPORTER` and
 * `OTEL_TRACES_EXPORTER` are `otlp`.
 */
export const exporter = Layer.unwrap(
  Effect.gen(function* () {
    if (Option.isNone(yield* endpoint)) return Layer.empty
    const provider = ConfigProvider.orElse(yield* ConfigProvider.ConfigProvider, defaults)
    return Otlp.layerFromConfig().pipe(
      Layer.provide([yield* serialization, FetchHttpClient.layer]),
      Layer.provide(Layer.succeed(ConfigProvider.ConfigProvider, provider))
    )
  }).pipe(Effect.orDie)
)
