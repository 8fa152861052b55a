/** What several views use: the address, requests that are repeated, and actions. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks"
import { ApiError, textOf } from "./api.ts"

/** What the address names after its `#`: a view, and its parameters. */
export interface Place {
  readonly view: string
  readonly params: URLSearchParams
}

const placeOf = (hash: string): Place => {
  const [view = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2)
  return { view, params: new URLSearchParams(query) }
}

/** The address of a view. Parameters that are undefined or empty are left out. */
export const href = (view: string, params: Readonly<Record<string, string | undefined>>): string => {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) if (value !== undefined && value !== "") query.set(name, value)
  return `#/${view}${query.size === 0 ? "" : `?${query.toString()}`}`
}

/** The present address. */
export const usePlace = (): Place => {
  const [place, setPlace] = useState(() => placeOf(location.hash))
  useEffect(() => {
    const onChange = () => setPlace(placeOf(location.hash))
    addEventListener("hashchange", onChange)
    return () => removeEventListener("hashchange", onChange)
  }, [])
  return place
}

/** Goes to a view. */
export const go = (view: string, params: Readonly<Record<string, string | undefined>>): void => {
  location.hash = href(view, params)
}

/** Changes the parameters of the present view, without a step to go back to. */
export const adjust = (view: string, params: Readonly<Record<string, string | undefined>>): void =>
  location.replace(href(view, params))

/** A value that is read again and again. The last one stays while there is an error. */
export interface Polled<A> {
  readonly data: A | undefined
  readonly error: string | undefined
  /** Reads it at once. */
  readonly reload: () => void
}

let onRejected = (): void => {}

/** Sets what happens when the server does not accept the token. */
export const whenRejected = (callback: () => void): void => {
  onRejected = callback
}

const noteRejection = (error: unknown): void => {
  if (error instanceof ApiError && error.status === 401) onRejected()
}

/**
 * Reads a value now, and again in intervals while the tab is visible. What is read with an earlier `key` is dropped.
 */
export const usePoll = <A>(key: string, millis: number, read: (signal: AbortSignal) => Promise<A>): Polled<A> => {
  const [state, setState] = useState<{ readonly key: string; readonly data?: A; readonly error?: string }>({ key })
  const latest = useRef(read)
  latest.current = read
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const controller = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const next = () => {
      timer = setTimeout(() => void once(), millis)
    }
    const once = async (): Promise<void> => {
      if (document.hidden) return next()
      try {
        const data = await latest.current(controller.signal)
        if (controller.signal.aborted) return
        setState({ key, data })
      } catch (error) {
        if (controller.signal.aborted) return
        noteRejection(error)
        setState((old) => ({ ...(old.key === key ? old : { key }), error: textOf(error) }))
      }
      next()
    }
    void once()
    return () => {
      controller.abort()
      clearTimeout(timer)
    }
  }, [key, millis, turn])
  const reload = useCallback(() => setTurn((it) => it + 1), [])
  const current = state.key === key
  return { data: current ? state.data : undefined, error: current ? state.error : undefined, reload }
}

/** Something that a person does: whether it is under way, and why it failed. */
export interface Action {
  readonly busy: boolean
  readonly error: string | undefined
  /** Whether the work succeeded. */
  readonly run: (work: () => Promise<unknown>) => Promise<boolean>
}

/** Makes an action. While several run, the state is that of the newest. */
export const useAction = (): Action => {
  const [state, setState] = useState<{ readonly busy: boolean; readonly error?: string }>({ busy: false })
  const newest = useRef(0)
  const run = useCallback(async (work: () => Promise<unknown>) => {
    const turn = ++newest.current
    const end = (error?: string) => {
      if (turn === newest.current) setState(error === undefined ? { busy: false } : { busy: false, error })
    }
    setState({ busy: true })
    try {
      await work()
      end()
      return true
    } catch (error) {
      noteRejection(error)
      end(textOf(error))
      return false
    }
  }, [])
  return { busy: state.busy, error: state.error, run }
}

/** A value that follows another one once that has not changed for a while. */
export const useSettled = <A>(value: A, millis = 200): A => {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), millis)
    return () => clearTimeout(timer)
  }, [value, millis])
  return settled
}
