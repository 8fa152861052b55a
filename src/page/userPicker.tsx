/** Chooses the user as whom something is done. */
import { useEffect, useId, useState } from "preact/hooks"
import { type Listed, path, read, type WireUser } from "./api.ts"
import { usePoll, useSettled } from "./hooks.ts"
import { Field } from "./parts.tsx"
import { nameOf } from "./userNames.ts"

/** What a person typed, and the id of the user that it names: undefined for the system, `null` if it names no single user. */
export interface Picked {
  readonly text: string
  readonly id: string | undefined | null
}

/** The system, which no rule restricts. */
export const system: Picked = { text: "", id: undefined }

/** The user of a request, who is left out for the system. Throws if what a person typed names no single user. */
export const userOf = ({ id, text }: Picked): { readonly user?: string } => {
  if (id === null) throw new Error(`The id or the address "${text}" names no user, or several: choose one by its id.`)
  return id === undefined ? {} : { user: id }
}

export const UserPicker = ({
  app,
  hint,
  label,
  onPick,
  picked
}: {
  readonly app: string
  readonly label: string
  readonly hint?: string
  readonly picked: Picked
  readonly onPick: (picked: Picked) => void
}) => {
  const list = useId()
  const [focused, setFocused] = useState(false)
  const search = useSettled(picked.text)
  const query = new URLSearchParams({ search, limit: "20" }).toString()
  const { data } = usePoll(`${search} ${focused}`, 30_000, (signal) =>
    read<Listed<WireUser>>(`${path("apps", app, "users")}?${query}`, signal)
  )
  const idOf = (text: string): Picked["id"] => {
    const wanted = text.trim()
    if (wanted === "") return undefined
    const named = data?.items.filter((user) => user.id === wanted || nameOf(user) === wanted) ?? []
    return named.length === 1 ? named[0]?.id : null
  }
  // the users may arrive after the text
  const id = picked.id ?? idOf(picked.text)
  useEffect(() => {
    if (id !== picked.id) onPick({ text: picked.text, id })
  }, [id, picked])
  return (
    <Field label={label} {...(hint !== undefined && { hint })}>
      {(id, describedBy) => (
        <>
          <input
            id={id}
            list={list}
            placeholder="The system"
            autocomplete="off"
            spellcheck={false}
            aria-describedby={describedBy}
            aria-invalid={picked.id === null && search === picked.text && data !== undefined}
            value={picked.text}
            onFocus={() => setFocused(true)}
            onInput={(event) => {
              const text = event.currentTarget.value
              onPick({ text, id: idOf(text) })
            }}
          />
          <datalist id={list}>
            {data?.items.map((user) => {
              const name = nameOf(user)
              return (
                <option key={user.id} value={idOf(name) === user.id ? name : user.id}>
                  {name === user.id ? "" : `${name} ${user.id}`}
                </option>
              )
            })}
          </datalist>
        </>
      )}
    </Field>
  )
}
