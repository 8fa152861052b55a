import type { DeviceInformation } from "../../protocol/internal/requests.ts"

/**
 * The version of this package; a test holds it against `package.json`.
 *
 * @internal
 */
export const sdkVersion = "0.1.0"

const {
  navigator,
  process
}: {
  readonly navigator?: { readonly userAgent?: string }
  readonly process?: { readonly versions?: Readonly<Record<string, string | undefined>> }
} = globalThis

const platform = (): { readonly platform: string; readonly platformVersion: string } => {
  const versions = process?.versions
  // Deno and Bun have a version of Node too
  for (const name of ["deno", "bun", "node"]) {
    const version = versions?.[name]
    if (version !== undefined) return { platform: name, platformVersion: version }
  }
  return { platform: "web", platformVersion: navigator?.userAgent ?? "unknown" }
}

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
