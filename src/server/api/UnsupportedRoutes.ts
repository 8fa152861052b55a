/**
 * The routes of features that exported applications may have and this server has not: whoever asks for one learns which
 * feature it is.
 */

const ofApp = String.raw`^(?:/api/client/v2\.0)?/app/[^/]+`

const features: ReadonlyArray<readonly [route: RegExp, feature: string]> = [
  [new RegExp(`${ofApp}/endpoint/data/`), "the Data API is"],
  [new RegExp(`${ofApp}/graphql$`), "GraphQL is"],
  [new RegExp(`${ofApp}/realm-sync$`), "Device Sync is"],
  [/^\/api\/client\/v2\.0\/(?:app\/[^/]+\/)?auth\/(?:callback|providers\/oauth2-[^/]+)/, "OAuth 2.0 by redirect is"]
]

/** What to say of a path that no route serves, where it belongs to one of the features. */
export const explain = (path: string): string | undefined => {
  if (path === "/logs") return logs
  const feature = features.find(([route]) => route.test(path))?.[1]
  return feature === undefined ? undefined : `${feature} not supported by this server`
}

/** Where the links in errors lead, which clients show as they are. */
const logs = "there is no page of logs: the server's operator finds the request by its co_id in the request log"
