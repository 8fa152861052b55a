/** The documents of an application: all of them, or what a chosen user may see through the rules. */
import { useEffect, useRef, useState } from "preact/hooks"
import { path, read, request, type WireCollection, type WireDocuments } from "./api.ts"
import { DocumentEditor, type Edited } from "./documentEditor.tsx"
import { href, useAction, usePoll } from "./hooks.ts"
import { Json } from "./json.tsx"
import { Badge, Button, Confirm, Copy, Empty, Failure, Field, Heading } from "./parts.tsx"
import { formatted, formattedText } from "./ejsonText.ts"
import { IndexLink, Split } from "./split.tsx"
import { type Picked, system, userOf, UserPicker } from "./userPicker.tsx"
import type { ViewProps } from "./view.ts"

/** Names a collection in the address. */
const nameOf = ({ collection, database, service }: WireCollection): string => `${service}/${database}.${collection}`

const accessTones = { open: "warning", closed: "plain", rules: "good" } as const

export const Documents = ({ app, params }: ViewProps) => {
  const { data, error, reload } = usePoll(app, 5000, (signal) =>
    read<ReadonlyArray<WireCollection>>(path("apps", app, "collections"), signal)
  )
  const name = params.get("collection")
  const known = data?.find((it) => nameOf(it) === name)
  const chosen = known ?? (name === null ? undefined : fromName(name))
  return (
    <>
      <Heading title="Documents" />
      <Failure text={error} />
      <Split index={<Collections app={app} all={data} chosen={name} />}>
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
      </Split>
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
                <IndexLink href={href("documents", { app, collection: nameOf(it) })} chosen={nameOf(it) === chosen}>
                  {it.collection}
                  <Badge tone={accessTones[it.access]}>{it.access}</Badge>
                </IndexLink>
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

/** What was found: by which search, and as whom. */
interface Found extends WireDocuments {
  readonly skip: number
  /** Empty for the system. */
  readonly as: string
}

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
  const [page, setPage] = useState<Found>()
  const [editing, setEditing] = useState<Edited>()
  const [doomed, setDoomed] = useState<Edited["target"] & { readonly id: string }>()
  /** The collection as the chosen user. Throws if there is none. */
  const target = () => ({ service, database, collection, ...userOf(picked) })
  const documents = path("apps", app, "documents")
  const { run } = action

  const searches = useRef(0)
  const find = () => {
    const search = ++searches.current
    // the answer to an earlier search may be the later one
    const show = (found: Found | undefined) => {
      if (search === searches.current) setPage(found)
    }
    return run(async () => {
      const asked = { ...target(), ...query, limit: pageSize }
      const found = await request<WireDocuments>("POST", `${documents}/find`, asked)
      show({ ...found, skip: query.skip, as: picked.text })
    }).then((done) => {
      if (!done) show(undefined)
    })
  }
  useEffect(() => {
    if (picked.id !== null) void find()
  }, [app, service, database, collection, query, picked.id])

  /** Edits a document as it is now, whole: it takes the place of the stored one, and a projection shows only a part. */
  const edit = (id: string) =>
    run(async () => {
      const asked = { ...target(), filter: `{"_id": {"$eq": ${id}}}`, limit: 1 }
      const found = await request<WireDocuments>("POST", `${documents}/find`, asked)
      const [text] = found.documents
      if (text === undefined) throw new Error("The document was deleted, or the user may not see it. Find again.")
      setEditing({ target: target(), as: picked.text, id, text: formattedText(text) })
    })
  const insert = () => run(async () => setEditing({ target: target(), as: picked.text, text: "{\n  \n}" }))
  const doom = (id: string) => run(async () => setDoomed({ ...target(), id }))
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
  const last = page === undefined ? 0 : page.skip + page.documents.length
  return (
    <div class="detail">
      <div class="heading">
        <h2 class="mono">
          {database}.{collection}
        </h2>
        <Button kind="primary" onClick={() => void insert()}>
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
              : `${page.skip + 1} to ${last} of ${page.count === 10_000 ? "10,000 or more" : page.count}`}
            {page.as === "" ? "" : `, as ${page.as} sees them`}
            {page.truncated && ". Some were left out, because these are large"}
          </p>
          {page.count === 0 && (
            <Empty title={page.as === "" ? "No documents match" : "This user sees no document that matches"}>
              <p>
                {page.as === ""
                  ? "Insert one, or change the filter."
                  : "Its rules allow none of them. Choose the system to see all documents."}
              </p>
            </Empty>
          )}
          <ul class="cards" aria-label="Documents">
            {page.documents.map((text, at) => (
              <Document key={at} text={text} onEdit={(id) => void edit(id)} onDelete={(id) => void doom(id)} />
            ))}
          </ul>
          {(page.skip > 0 || last < page.count) && (
            <div class="actions">
              <Button
                disabled={page.skip === 0}
                onClick={() => setQuery({ ...query, skip: Math.max(0, page.skip - pageSize) })}
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
        <DocumentEditor app={app} {...editing} onClose={() => setEditing(undefined)} onDone={changed} />
      )}
      {doomed !== undefined && (
        <Confirm
          title="Delete the document?"
          label="Delete document"
          work={() => request("POST", `${documents}/delete`, doomed)}
          onClose={() => setDoomed(undefined)}
          onDone={changed}
        >
          <p>
            The one with the _id <code>{doomed.id}</code>. This cannot be undone.
          </p>
        </Confirm>
      )}
    </div>
  )
}

/** The `_id` as the API takes it, and as people read it; `undefined` if the projection leaves it out. */
const idOf = (document: unknown): { readonly id: string; readonly shown: string } | undefined => {
  if (typeof document !== "object" || document === null || !("_id" in document)) return undefined
  const id = JSON.stringify(document._id)
  return { id, shown: /^\{"\$oid":"(\w+)"\}$/.exec(id)?.[1] ?? JSON.stringify(JSON.parse(formattedText(id))) }
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
  const document: unknown = JSON.parse(text)
  const named = idOf(document)
  return (
    <li class="document">
      <Json label={named === undefined ? "Document without its _id" : `Document ${named.shown}`} value={document} />
      <div class="row-actions">
        {named !== undefined && (
          <Button aria-label={`Edit ${named.shown}`} onClick={() => onEdit(named.id)}>
            Edit
          </Button>
        )}
        <Copy text={formatted(document)} />
        {named !== undefined && (
          <Button kind="danger" aria-label={`Delete ${named.shown}`} onClick={() => onDelete(named.id)}>
            Delete
          </Button>
        )}
      </div>
    </li>
  )
}
