/**
 * A list of any length, of which only the rows in view are elements. One of its options is active, as in a listbox: arrows,
 * page keys, Home and End move it.
 */
import type { ComponentChildren } from "preact"
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"

/** The height of a row in pixels, as in the styles. */
const rowHeight = 28
/** The rows beyond both edges. */
const spare = 8

interface Props<A> {
  readonly label: string
  readonly items: ReadonlyArray<A>
  readonly keyOf: (item: A) => string
  readonly row: (item: A) => ComponentChildren
  /** The key of the active item. */
  readonly active: string | undefined
  readonly onActivate: (item: A) => void
  /** Whether the end stays in view as items are added. A person who scrolls away from it ends that. */
  readonly follow: boolean
  readonly onFollow: (follow: boolean) => void
}

const steps: Readonly<Record<string, (at: number, page: number, last: number) => number>> = {
  ArrowDown: (at) => at + 1,
  ArrowUp: (at) => at - 1,
  PageDown: (at, page) => at + page,
  PageUp: (at, page) => at - page,
  Home: () => 0,
  End: (_at, _page, last) => last
}

export const VirtualList = <A,>({ active, follow, items, keyOf, label, onActivate, onFollow, row }: Props<A>) => {
  const element = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 0 })
  useEffect(() => {
    const list = element.current
    if (list === null) return
    const observer = new ResizeObserver(() => setView({ top: list.scrollTop, height: list.clientHeight }))
    observer.observe(list)
    return () => observer.disconnect()
  }, [])
  useLayoutEffect(() => {
    const list = element.current
    if (follow && list !== null) list.scrollTop = list.scrollHeight
  }, [follow, items])

  const first = Math.max(0, Math.floor(view.top / rowHeight) - spare)
  const shown = items.slice(first, first + Math.ceil(view.height / rowHeight) + 2 * spare)
  const at = active === undefined ? -1 : items.findIndex((item) => keyOf(item) === active)
  const idOf = (item: A) => `row-${keyOf(item)}`
  const activeItem = items[at]

  // what is shown about the active row may have made the list smaller
  useLayoutEffect(() => {
    const list = element.current
    if (list === null || at === -1 || view.height === 0) return
    const end = (at + 1) * rowHeight
    if (end > list.scrollTop + view.height && end - rowHeight < list.scrollTop + view.height + 400) {
      list.scrollTop = end - view.height
    }
  }, [view.height, active])

  const move = (event: KeyboardEvent) => {
    const step = steps[event.key]
    const list = element.current
    if (step === undefined || list === null || items.length === 0) return
    event.preventDefault()
    const page = Math.max(1, Math.floor(list.clientHeight / rowHeight) - 1)
    const from = at === -1 ? first + spare : at
    const to = Math.min(items.length - 1, Math.max(0, step(from, page, items.length - 1)))
    const item = items[to]
    if (item === undefined) return
    onFollow(false)
    onActivate(item)
    const top = to * rowHeight
    if (top < list.scrollTop) list.scrollTop = top
    else if (top + rowHeight > list.scrollTop + list.clientHeight) list.scrollTop = top + rowHeight - list.clientHeight
  }

  return (
    <div
      ref={element}
      class="list"
      role="listbox"
      aria-label={label}
      aria-activedescendant={activeItem !== undefined && shown.includes(activeItem) ? idOf(activeItem) : undefined}
      tabIndex={0}
      onKeyDown={move}
      onScroll={(event) => {
        const { clientHeight, scrollHeight, scrollTop } = event.currentTarget
        setView({ top: scrollTop, height: clientHeight })
        onFollow(scrollTop + clientHeight >= scrollHeight - rowHeight / 2)
      }}
    >
      <div role="presentation" style={{ height: `${items.length * rowHeight}px` }}>
        <div role="presentation" style={{ transform: `translateY(${first * rowHeight}px)` }}>
          {shown.map((item, index) => (
            <div
              key={keyOf(item)}
              id={idOf(item)}
              class="row"
              role="option"
              aria-selected={keyOf(item) === active}
              aria-posinset={first + index + 1}
              aria-setsize={items.length}
              onClick={() => onActivate(item)}
            >
              {row(item)}
            </div>
          ))}
        </div>
      </div>
    </div>
  )
}
