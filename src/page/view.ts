/** What each view gets. */
export interface ViewProps {
  /** The id of the chosen application. */
  readonly app: string
  readonly params: URLSearchParams
}
