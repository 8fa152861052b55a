/** The data sources that clients reach, each by its own user name. */
import { type App, mainSource } from "../../model/App.ts"

/** A data source of an application. */
export interface Source {
  readonly user: string
  readonly appId: string
  readonly service: string
}

const servicesOf = (app: App): ReadonlyArray<string> => {
  const custom = typeof app.customUserData === "object" ? app.customUserData.service : undefined
  return [...new Set([mainSource(app), ...app.dataSources.keys(), ...(custom === undefined ? [] : [custom])])]
}

/**
 * The data sources of applications. The user name of one is `APP-ID.SOURCE`; the application's id alone is that of its
 * main one.
 */
export const sourcesOf = (apps: ReadonlyArray<App>): ReadonlyArray<Source> =>
  apps.flatMap((app) =>
    servicesOf(app).map((service) => ({
      appId: app.id,
      service,
      user: service === mainSource(app) ? app.id : `${app.id}.${service}`
    }))
  )

/** The data source of a user name. */
export const sourceOf = (sources: ReadonlyArray<Source>, name: string): Source | undefined =>
  sources.find(({ user }) => user === name) ?? sources.find(({ appId, service }) => `${appId}.${service}` === name)
