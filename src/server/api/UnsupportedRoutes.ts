/**
 * The routes of unsupported features that exported applications may use, for an error that names the feature.
 */

const ofApp = String.raw`^(?:/api/client/v2\.0)?/app/[^/]+`

const features: ReadonlyArray<readonly [route: RegExp, feature: string]> = [
  [new RegExp(`${ofApp}/realm-sync$`), "Device Sync is"]
]

/** The message for a path of an unsupported feature; `undefined` for any other path. */
export const explain = (path: string): string | undefined => {
  if (path === "/logs") return logs
  const feature = features.find(([route]) => route.test(path))?.[1]
  return feature === undefined ? undefined : `${feature} not supported by this server`
}

/** The target of the links in errors. */
const logs = "this server has no page of logs: its operator finds the request by its co_id in the request log"
