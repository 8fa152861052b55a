/** What the server has to say about the files of an application. */
import { path, read, type WireNote } from "./api.ts"
import { usePoll } from "./hooks.ts"
import { Empty, Failure, Heading } from "./parts.tsx"
import type { ViewProps } from "./view.ts"

export const Report = ({ app }: ViewProps) => {
  const { data, error } = usePoll(app, 5000, (signal) =>
    read<ReadonlyArray<WireNote>>(path("apps", app, "notes"), signal)
  )
  const notes = Map.groupBy(data ?? [], ({ message }) => message)
  return (
    <>
      <Heading title="Start report" />
      <p class="muted lead">
        What the server does not support in the application, or had to guess. With --watch, it is about the files as
        they are now.
      </p>
      <Failure text={error} />
      {data?.length === 0 && (
        <Empty title="Nothing to report">
          <p>Every part of the application was understood.</p>
        </Empty>
      )}
      <ul class="cards" aria-label="Notes">
        {Array.from(notes, ([message, places]) => (
          <li key={message} class="card">
            <p>{message}</p>
            {places.some(({ file }) => file !== undefined) && (
              <p class="mono muted url">
                {places.flatMap(({ file }) => (file === undefined ? [] : [file])).join(", ")}
              </p>
            )}
          </li>
        ))}
      </ul>
    </>
  )
}
