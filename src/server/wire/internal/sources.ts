/** The data sources that clients reach, each by its own user name. */
import type { App } from "../../model/App.ts"

/** A data source of an application. */
export interface Source {
  readonly user: string
  readonly appId: string
  readonly service: string
}

const usualService = "mongodb-atlas"

const servicesOf = (app: App): ReadonlyArray<string> => {
  const custom = typeof app.customUserData === "object" ? (app.customUserData.service ?? usualService) : undefined
  const names = new Set([...app.dataSources.keys(), ...(custom === undefined ? [] : [custom])])
  if (names.size === 0 || app.data.length > 0) names.add(usualService)
  // the one that the application's id alone stands for comes first
  return [...names].toSorted((a, b) => Number(b === usualService) - Number(a === usualService))
}

/**
 * The data sources of applications. The user name of one is `APP-ID.SOURCE`; the application's id alone is that of
 * `mongodb-atlas`, or of the first one.
 */
export const sourcesOf = (apps: ReadonlyArray<App>): ReadonlyArray<Source> =>
  apps.flatMap((app) =>
    servicesOf(app).map((service, i) => ({
      appId: app.id,
      service,
      user: i === 0 ? app.id : `${app.id}.${service}`
    }))
  )

/** The data source of a user name. */
export const sourceOf = (sources: ReadonlyArray<Source>, name: string): Source | undefined =>
  sources.find(({ user }) => user === name) ?? sources.find(({ appId, service }) => `${appId}.${service}` === name)
