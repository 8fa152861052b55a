/** Inserts a document, or replaces one. */
import { useState } from "preact/hooks"
import { path, request } from "./api.ts"
import { useAction } from "./hooks.ts"
import { Field, FormDialog } from "./parts.tsx"

/** What is edited. */
export interface Edited {
  /** The collection, and the user under whose rules it is written. */
  readonly target: Readonly<Record<string, string>>
  /** The name of the user; empty for the system. */
  readonly as: string
  /** The `_id` of the document to replace. */
  readonly id?: string
  readonly text: string
}

interface Props extends Edited {
  readonly app: string
  readonly onClose: () => void
  readonly onDone: () => void
}

export const DocumentEditor = ({ app, as, id, onClose, onDone, target, text }: Props) => {
  const action = useAction()
  const [draft, setDraft] = useState(text)
  const save = () =>
    action
      .run(() =>
        request("POST", `${path("apps", app, "documents")}/${id === undefined ? "insert" : "replace"}`, {
          ...target,
          document: draft,
          ...(id !== undefined && { id })
        })
      )
      .then((done) => done && (onClose(), onDone()))
  const who = as === "" ? "As the system, past the rules." : `As ${as}, under the rules.`
  return (
    <FormDialog
      wide
      title={id === undefined ? "Insert a document" : "Edit the document"}
      label={id === undefined ? "Insert" : "Save"}
      action={action}
      onClose={onClose}
      onSubmit={() => void save()}
    >
      <Field label="Document" hint={`Extended JSON. ${who}`}>
        {(id, describedBy) => (
          <textarea
            id={id}
            rows={16}
            spellcheck={false}
            aria-describedby={describedBy}
            value={draft}
            onInput={(event) => setDraft(event.currentTarget.value)}
          />
        )}
      </Field>
    </FormDialog>
  )
}
