/** The documents of an application: all of them, or what a chosen user may see through the rules. */
import { useEffect, useState } from "preact/hooks"
import { path, request, type WireCollection, type WireDocuments } from "./api.ts"
import { DocumentEditor } from "./documentEditor.tsx"
import { href, useAction, usePoll } from "./hooks.ts"
import { Json } from "./json.tsx"
import { Badge, Button, Confirm, Copy, Empty, Failure, Field, Heading } from "./parts.tsx"
import { formattedText } from "./ejsonText.ts"
import { type Picked, system, UserPicker } from "./userPicker.tsx"
import type { ViewProps } from "./view.ts"

/** Names a collection in the address. */
const nameOf = ({ collection, database, service }: WireCollection): string => `${service}/${database}.${collection}`

const accessTones = { open: "warning", closed: "plain", rules: "good" } as const

export const Documents = ({ app, params }: ViewProps) => {
  const { data, error, reload } = usePoll(app, 5000, (signal) =>
    request<ReadonlyArray<WireCollection>>("GET", path("apps", app, "collections"), undefined, signal)
  )
  const name = params.get("collection")
  const known = data?.find((it) => nameOf(it) === name)
  const chosen = known ?? (name === null ? undefined : fromName(name))
  return (
    <>
      <Heading title="Documents" />
      <Failure text={error} />
      <div class="split">
        <div class="index">
          <Collections app={app} all={data} chosen={name} />
        </div>
        {chosen === undefined ? (
          <Empty title={data?.length === 0 ? "No collections yet" : "Choose a collection"}>
            <p>
              {data?.length === 0
                ? "A collection appears with its first document, or with its rules."
                : "Its documents are shown as the system or as one of the users sees them."}
            </p>
          </Empty>
        ) : (
          <Collection key={name} app={app} target={chosen} onChange={reload} />
        )}
      </div>
    </>
  )
}

const fromName = (name: string): WireCollection | undefined => {
  const [, service, database, collection] = /^([^/]+)\/([^.]+)\.(.+)$/.exec(name) ?? []
  return service === undefined || database === undefined || collection === undefined
    ? undefined
    : { service, database, collection, access: "closed", hasSchema: false }
}

const Collections = ({
  all = [],
  app,
  chosen
}: {
  readonly app: string
  readonly all: ReadonlyArray<WireCollection> | undefined
  readonly chosen: string | null
}) => {
  const databases = Map.groupBy(all, ({ database, service }) => `${service}/${database}`)
  return (
    <>
      {Array.from(databases, ([database, collections]) => (
        <div key={database}>
          <h2 class="small">{database}</h2>
          <ul aria-label={`Collections of ${database}`}>
            {collections.map((it) => (
              <li key={nameOf(it)}>
                <a
                  class="mono"
                  href={href("documents", { app, collection: nameOf(it) })}
                  aria-current={nameOf(it) === chosen ? "true" : undefined}
                >
                  {it.collection}
                  <Badge tone={accessTones[it.access]}>{it.access}</Badge>
                </a>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </>
  )
}

const pageSize = 20

interface Query {
  readonly filter: string
  readonly sort: string
  readonly projection: string
  readonly skip: number
}
const everything: Query = { filter: "", sort: "", projection: "", skip: 0 }

const Collection = ({
  app,
  onChange,
  target: { access, collection, database, hasSchema, service }
}: {
  readonly app: string
  readonly target: WireCollection
  readonly onChange: () => void
}) => {
  const action = useAction()
  const [draft, setDraft] = useState(everything)
  const [query, setQuery] = useState(everything)
  const [picked, setPicked] = useState<Picked>(system)
  const [page, setPage] = useState<WireDocuments>()
  const [editing, setEditing] = useState<{ readonly id?: string; readonly text: string }>()
  const [doomed, setDoomed] = useState<string>()
  const user = picked.id === null || picked.id === undefined ? {} : { user: picked.id }
  const target = { service, database, collection, ...user }
  const documents = path("apps", app, "documents")
  const { run } = action

  const find = () =>
    run(async () => {
      if (picked.id === null) throw new Error(`No user has the id or the address "${picked.text}".`)
      setPage(await request<WireDocuments>("POST", `${documents}/find`, { ...target, ...query, limit: pageSize }))
    }).then((done) => {
      if (!done) setPage(undefined)
    })
  useEffect(() => {
    if (picked.id !== null) void find()
  }, [app, service, database, collection, query, picked.id])

  const changed = () => {
    void find()
    onChange()
  }
  const field = (name: "filter" | "sort" | "projection", label: string, placeholder: string) => (
    <Field label={label}>
      {(id) => (
        <input
          id={id}
          class="mono"
          placeholder={placeholder}
          spellcheck={false}
          autocomplete="off"
          value={draft[name]}
          onInput={(event) => setDraft({ ...draft, [name]: event.currentTarget.value })}
        />
      )}
    </Field>
  )
  const last = page === undefined ? 0 : query.skip + page.documents.length
  return (
    <div class="detail">
      <div class="heading">
        <h2 class="mono">
          {database}.{collection}
        </h2>
        <Button kind="primary" onClick={() => setEditing({ text: "{\n  \n}" })}>
          Insert
        </Button>
      </div>
      <p class="muted">
        {access === "open" && "Open: every user may read and change everything."}
        {access === "closed" && "Closed to users: only functions that run as the system use it."}
        {access === "rules" && "Rules decide what users see and change."}
        {hasSchema && " A schema restricts what users write."}
      </p>
      <form
        class="query"
        onSubmit={(event) => {
          event.preventDefault()
          const next = { ...draft, skip: 0 }
          if (JSON.stringify(next) === JSON.stringify(query)) void find()
          else setQuery(next)
        }}
      >
        {field("filter", "Filter", '{"owner": "..."}')}
        {field("sort", "Sort", '{"at": -1}')}
        {field("projection", "Projection", '{"name": 1}')}
        <UserPicker app={app} label="Seen by" picked={picked} onPick={setPicked} />
        <Button type="submit" disabled={action.busy}>
          Find
        </Button>
      </form>
      <Failure text={action.error} />
      {page !== undefined && (
        <>
          <p role="status" class="muted">
            {page.count === 0
              ? "No documents"
              : `${query.skip + 1} to ${last} of ${page.count === 10_000 ? "10,000 or more" : page.count}`}
            {picked.text === "" ? "" : `, as ${picked.text} sees them`}
            {page.truncated && ". Some were left out, because these are large"}
          </p>
          {page.count === 0 && (
            <Empty title={picked.text === "" ? "No documents match" : "This user sees no document that matches"}>
              <p>
                {picked.text === ""
                  ? "Insert one, or change the filter."
                  : "Its rules allow none of them. Choose the system to see all documents."}
              </p>
            </Empty>
          )}
          <ul class="cards" aria-label="Documents">
            {page.documents.map((text) => (
              <Document
                key={text}
                text={text}
                onEdit={(id) => setEditing({ id, text: formattedText(text) })}
                onDelete={setDoomed}
              />
            ))}
          </ul>
          {(query.skip > 0 || last < page.count) && (
            <div class="actions">
              <Button
                disabled={query.skip === 0}
                onClick={() => setQuery({ ...query, skip: Math.max(0, query.skip - pageSize) })}
              >
                Previous
              </Button>
              <Button disabled={last >= page.count} onClick={() => setQuery({ ...query, skip: last })}>
                Next
              </Button>
            </div>
          )}
        </>
      )}
      {editing !== undefined && (
        <DocumentEditor
          app={app}
          target={target}
          as={picked.text}
          {...editing}
          onClose={() => setEditing(undefined)}
          onDone={changed}
        />
      )}
      {doomed !== undefined && (
        <Confirm
          title="Delete the document?"
          label="Delete document"
          work={() => request("POST", `${documents}/delete`, { ...target, id: doomed })}
          onClose={() => setDoomed(undefined)}
          onDone={changed}
        >
          <p>
            The one with the _id <code>{doomed}</code>. This cannot be undone.
          </p>
        </Confirm>
      )}
    </div>
  )
}

/** The `_id` as the API takes it, and as people read it. */
const idsOf = (text: string): { readonly id: string; readonly shown: string } => {
  const document: unknown = JSON.parse(text)
  const id: unknown = typeof document === "object" && document !== null && "_id" in document ? document._id : undefined
  const canonical = JSON.stringify(id ?? null)
  const shown = /^\{"\$oid":"(\w+)"\}$/.exec(canonical)?.[1] ?? JSON.stringify(JSON.parse(formattedText(canonical)))
  return { id: canonical, shown }
}

const Document = ({
  onDelete,
  onEdit,
  text
}: {
  readonly text: string
  readonly onEdit: (id: string) => void
  readonly onDelete: (id: string) => void
}) => {
  const { id, shown } = idsOf(text)
  return (
    <li class="document">
      <Json label={`Document ${shown}`} value={JSON.parse(text)} />
      <div class="row-actions">
        <Button aria-label={`Edit ${shown}`} onClick={() => onEdit(id)}>
          Edit
        </Button>
        <Copy text={formattedText(text)} />
        <Button kind="danger" aria-label={`Delete ${shown}`} onClick={() => onDelete(id)}>
          Delete
        </Button>
      </div>
    </li>
  )
}
