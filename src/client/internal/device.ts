import type { DeviceInformation } from "../../protocol/internal/requests.ts"

/**
 * The version of this package; a test holds it against `package.json`.
 *
 * @internal
 */
export const sdkVersion = "0.1.0"

const { process, Deno, navigator } = globalThis as {
  readonly process?: { readonly versions?: { readonly node?: string; readonly bun?: string } }
  readonly Deno?: { readonly version: { readonly deno: string } }
  readonly navigator?: { readonly userAgent?: string }
}

const platform = (): { readonly platform: string; readonly platformVersion: string } =>
  Deno !== undefined
    ? { platform: "deno", platformVersion: Deno.version.deno }
    : process?.versions?.bun !== undefined
      ? { platform: "bun", platformVersion: process.versions.bun }
      : process?.versions?.node !== undefined
        ? { platform: "node", platformVersion: process.versions.node }
        : { platform: "web", platformVersion: navigator?.userAgent ?? "unknown" }

/**
 * The description of the device in the body of a login.
 *
 * @internal
 */
export const deviceInformation = (appId: string, deviceId: string | undefined): DeviceInformation => ({
  ...(deviceId !== undefined && { deviceId }),
  appId,
  ...platform(),
  sdk: "effect-app-services",
  sdkVersion
})
