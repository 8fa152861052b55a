/** Small parts that all views are made of. */
import type { ComponentChildren, JSX } from "preact"
import { useEffect, useId, useRef, useState } from "preact/hooks"
import { type Action, useAction } from "./hooks.ts"

/** The heading of a view, with what can be done in it. */
export const Heading = ({ children, title }: { readonly title: string; readonly children?: ComponentChildren }) => (
  <header class="heading">
    <h1 tabIndex={-1}>{title}</h1>
    {children !== undefined && <div class="actions">{children}</div>}
  </header>
)

/** An error, where it happened. */
export const Failure = ({ text }: { readonly text: string | undefined }) =>
  text === undefined ? null : (
    <p class="failure" role="alert">
      {text}
    </p>
  )

/** What stands where there is nothing yet: what it is about, and what to do. */
export const Empty = ({ children, title }: { readonly title: string; readonly children?: ComponentChildren }) => (
  <div class="empty">
    <p class="empty-title">{title}</p>
    {children}
  </div>
)

export type Tone = "good" | "warning" | "bad" | "plain"

/** A short state in a word. */
export const Badge = ({ children, tone = "plain" }: { readonly tone?: Tone; readonly children: ComponentChildren }) => (
  <span class={`badge ${tone}`}>{children}</span>
)

type ButtonProps = Omit<JSX.IntrinsicElements["button"], "class" | "className"> & {
  readonly kind?: "primary" | "danger" | "plain"
}

/** A button. */
export const Button = ({ kind = "plain", type = "button", ...props }: ButtonProps) => (
  <button {...props} type={type} class={`button ${kind}`} />
)

const units: ReadonlyArray<readonly [Intl.RelativeTimeFormatUnit, number]> = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1]
]
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" })

const ago = (millis: number): string => {
  const seconds = Math.round((millis - Date.now()) / 1000)
  const [unit, length] = units.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1]
  return relative.format(Math.trunc(seconds / length), unit)
}

const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" })

/** A time, as its distance from now; the exact one is its title. */
export const Time = ({ at }: { readonly at: string | number }) => {
  const date = new Date(at)
  return (
    <time dateTime={date.toISOString()} title={exact.format(date)}>
      {ago(date.getTime())}
    </time>
  )
}

/** Milliseconds for people. */
export const millisText = (millis: number): string =>
  millis >= 10_000
    ? `${(millis / 1000).toFixed(0)} s`
    : millis >= 1000
      ? `${(millis / 1000).toFixed(1)} s`
      : `${Math.round(millis)} ms`

/** A field with its label, and what to say about it. */
export const Field = ({
  children,
  hint,
  label
}: {
  readonly label: string
  readonly hint?: string
  readonly children: (id: string, describedBy: string | undefined) => ComponentChildren
}) => {
  const id = useId()
  const hintId = hint === undefined ? undefined : `${id}-hint`
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id, hintId)}
      {hint !== undefined && (
        <p id={hintId} class="hint">
          {hint}
        </p>
      )}
    </div>
  )
}

/** A field for the new password of an account. */
export const NewPassword = ({
  hint,
  label,
  onChange,
  value
}: {
  readonly label: string
  readonly hint: string
  readonly value: string
  readonly onChange: (value: string) => void
}) => (
  <Field label={label} hint={`6 to 128 characters. ${hint}`}>
    {(id, describedBy) => (
      <input
        id={id}
        type="password"
        autocomplete="new-password"
        required
        aria-describedby={describedBy}
        value={value}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    )}
  </Field>
)

/** A field for a text to search for. */
export const Search = ({
  label,
  onChange,
  placeholder,
  value
}: {
  readonly label: string
  readonly placeholder: string
  readonly value: string
  readonly onChange: (value: string) => void
}) => (
  <input
    type="search"
    aria-label={label}
    placeholder={placeholder}
    value={value}
    onInput={(event) => onChange(event.currentTarget.value)}
  />
)

/** A modal dialog. The browser keeps the focus in it, and Escape closes it. */
export const Dialog = ({
  children,
  onClose,
  title,
  wide = false
}: {
  readonly title: string
  readonly wide?: boolean
  readonly onClose: () => void
  readonly children: ComponentChildren
}) => {
  const element = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const before = document.activeElement
    element.current?.showModal()
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    <dialog ref={element} class={wide ? "wide" : ""} aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  )
}

/** Asks before something is done that cannot be undone. */
export const Confirm = ({
  children,
  label,
  onClose,
  onDone,
  title,
  work
}: {
  readonly title: string
  /** What the button says: the action. */
  readonly label: string
  readonly work: () => Promise<unknown>
  readonly onDone: () => void
  readonly onClose: () => void
  readonly children: ComponentChildren
}) => {
  const action = useAction()
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="prose">{children}</div>
      <Failure text={action.error} />
      <div class="dialog-actions">
        <Button onClick={onClose}>Cancel</Button>
        <Button
          kind="danger"
          disabled={action.busy}
          onClick={() => void action.run(work).then((done) => done && (onClose(), onDone()))}
        >
          {label}
        </Button>
      </div>
    </Dialog>
  )
}

/** A form in a dialog. */
export const FormDialog = ({
  action,
  children,
  label,
  onClose,
  onSubmit,
  title,
  wide = false
}: {
  readonly title: string
  readonly wide?: boolean
  readonly label: string
  readonly action: Action
  readonly onSubmit: () => void
  readonly onClose: () => void
  readonly children: ComponentChildren
}) => (
  <Dialog title={title} wide={wide} onClose={onClose}>
    <form
      onSubmit={(event) => {
        event.preventDefault()
        onSubmit()
      }}
    >
      {children}
      <Failure text={action.error} />
      <div class="dialog-actions">
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" disabled={action.busy}>
          {label}
        </Button>
      </div>
    </form>
  </Dialog>
)

/** Copies a text. */
export const Copy = ({ label = "Copy", text }: { readonly text: string; readonly label?: string }) => {
  const [said, setSaid] = useState<string>()
  useEffect(() => {
    const timer = said === undefined ? undefined : setTimeout(() => setSaid(undefined), 1500)
    return () => clearTimeout(timer)
  }, [said])
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setSaid("Copied"),
      () => setSaid("Cannot copy")
    )
  return <Button onClick={() => void copy()}>{said ?? label}</Button>
}

/** A table that scrolls within itself on a narrow screen. */
export const Table = ({
  children,
  head,
  label
}: {
  readonly label: string
  readonly head: ReadonlyArray<string>
  readonly children: ComponentChildren
}) => (
  <div class="table" tabIndex={0} role="region" aria-label={label}>
    <table>
      <thead>
        <tr>
          {head.map((title) =>
            title === "" ? (
              <td key={title} />
            ) : (
              <th key={title} scope="col">
                {title}
              </th>
            )
          )}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
)
