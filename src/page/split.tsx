/** An index, beside what was chosen from it. */
import type { ComponentChildren } from "preact"
import { useEffect, useRef } from "preact/hooks"

/** An index and the chosen item. Each scrolls by itself, so that the item is in sight however long the index is. */
export const Split = ({
  children,
  index
}: {
  readonly index: ComponentChildren
  readonly children: ComponentChildren
}) => (
  <div class="split">
    <div class="index">{index}</div>
    {children}
  </div>
)

/** An item of an index. The chosen one is scrolled into sight, also where an address names it. */
export const IndexLink = ({
  children,
  chosen,
  href
}: {
  readonly href: string
  readonly chosen: boolean
  readonly children: ComponentChildren
}) => {
  const link = useRef<HTMLAnchorElement>(null)
  useEffect(() => {
    if (chosen) link.current?.scrollIntoView({ block: "nearest" })
  }, [chosen])
  return (
    <a ref={link} class="mono" href={href} aria-current={chosen ? "true" : undefined}>
      {children}
    </a>
  )
}
