/**
 * Reverse proxies in front of the server, and which of them are believed about the client.
 *
 * Any client can send `X-Forwarded-For`, so the headers of a proxy count only when the connection comes from a proxy that
 * the operator trusts. Connections without an address, which are in process or on a Unix socket, are this machine's own.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import type * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { AppsError } from "../model/Apps.ts"

/** Addresses and networks in CIDR notation. */
export type Input = ReadonlyArray<string>

/** A proxy on the server's own machine: nothing from outside can connect from there. */
const loopback: Input = ["127.0.0.0/8", "::1/128"]

/** Whether an address is that of a trusted proxy. */
type Trusts = Predicate.Predicate<NetAddress.IpAddress>

const TrustedProxies = Context.Reference<Trusts>("effect-app-services/server/api/Proxies/TrustedProxies", {
  defaultValue: () => () => false
})

/** Reads the option `trustedProxies`. */
export const trusts = (input: Input = loopback): Result.Result<Trusts, AppsError> => {
  const networks: Array<IpNetwork.IpNetwork> = []
  for (const text of input) {
    const network = Result.getOrUndefined(
      text.includes("/")
        ? IpNetwork.fromString(text)
        : Result.flatMap(NetAddress.ipFromString(text), (address) =>
            IpNetwork.make(address, NetAddress.isIpv4Address(address) ? 32 : 128)
          )
    )
    if (network === undefined) {
      return Result.fail(
        new AppsError({
          message: `invalid trusted proxy "${text}": expected an IP address or a network in CIDR notation, such as "10.0.0.0/8"`
        })
      )
    }
    networks.push(network)
  }
  return Result.succeed((address) => networks.some((network) => IpNetwork.contains(network, address)))
}

const forwarding = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]

const peerOf = ({ peerAddress }: HttpServerRequest.HttpServerRequest): NetAddress.IpAddress | undefined => {
  const text = Option.getOrUndefined(peerAddress)
  const address = text === undefined ? undefined : Result.getOrUndefined(NetAddress.ipFromString(text))
  return address === undefined ? undefined : NetAddress.toCanonical(address)
}

const isTrusted = (request: HttpServerRequest.HttpServerRequest, trusts: Trusts): boolean => {
  const peer = peerOf(request)
  return peer === undefined ? Option.isNone(request.peerAddress) : trusts(peer)
}

/** Whether the forwarding headers of a request count. */
export const areTrusted = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<boolean> =>
  Effect.map(TrustedProxies, (trusts) => isTrusted(request, trusts))

/**
 * Gives requests that come through trusted proxies the client's address as `remoteAddress`. Logs the first request whose
 * forwarding headers are ignored, since an operator who forgot a proxy would see only the consequences.
 */
export const forwarded = (
  trusts: Trusts
): (<E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest>) => {
  const applied = HttpMiddleware.xForwardedHeaders({ trustedProxies: trusts })
  let warned = false
  return (app) => {
    const behindProxy = applied(Effect.provideService(app, TrustedProxies, trusts))
    return HttpServerRequest.HttpServerRequest.use((request) => {
      if (!forwarding.some((name) => name in request.headers)) return app
      if (isTrusted(request, trusts)) return behindProxy
      if (warned) return app
      warned = true
      const peer = Option.getOrElse(request.peerAddress, () => "")
      return Effect.andThen(
        Effect.logWarning(
          `ignored the forwarding headers of ${peer}: if it is your proxy, add it to trustedProxies (--trusted-proxy)`
        ),
        app
      )
    })
  }
}
