/** The e-mails of the server, also those that it does not send: their links can be opened. */
import { read, type WireMessage } from "./api.ts"
import { usePoll } from "./hooks.ts"
import { Badge, Copy, Empty, Failure, Heading, Time, type Tone } from "./parts.tsx"
import type { ViewProps } from "./view.ts"

/** Only what is surely a page may be opened from here. */
const isPage = (url: string): boolean => /^https?:\/\//i.test(url)

const tones: Readonly<Record<NonNullable<WireMessage["delivery"]>["state"], Tone>> = {
  waiting: "warning",
  sent: "good",
  failed: "bad"
}

const Message = ({
  message: { at, delivery, kind, subject, text, to, token, tokenId, url }
}: {
  readonly message: WireMessage
}) => (
  <li class="card">
    <div class="card-head">
      <strong>{subject}</strong>
      <Badge>{kind}</Badge>
      {delivery !== undefined && <Badge tone={tones[delivery.state]}>{delivery.state}</Badge>}
      <span class="push muted">
        <Time at={at} />
      </span>
    </div>
    <p>
      to <span class="mono">{to}</span>
    </p>
    <Failure text={delivery?.error} />
    <details>
      <summary>Text</summary>
      <pre class="code" tabIndex={0} role="region" aria-label={`Text to ${to}`}>
        {text}
      </pre>
    </details>
    {url === undefined ? (
      <p class="muted">
        The application names no page for such links. Token <code>{token}</code> and token id <code>{tokenId}</code> do
        the same in the client.
      </p>
    ) : (
      <>
        <p class="url mono">{url}</p>
        <div class="actions">
          {isPage(url) && (
            <a class="button primary" href={url} target="_blank" rel="noopener noreferrer">
              Open the link
            </a>
          )}
          <Copy text={url} label="Copy the link" />
        </div>
      </>
    )}
  </li>
)

export const Inbox = ({ app }: ViewProps) => {
  const { data, error } = usePoll(app, 2000, (signal) =>
    read<ReadonlyArray<WireMessage>>(`/inbox?app=${encodeURIComponent(app)}`, signal)
  )
  return (
    <>
      <Heading title="Inbox" />
      <p class="muted lead">The e-mails of the application. A link works once, and for 30 minutes.</p>
      <Failure text={error} />
      {data?.length === 0 && (
        <Empty title="No messages yet">
          <p>Register an account, or ask for a new password, and the link is here within two seconds.</p>
        </Empty>
      )}
      <ul class="cards" aria-label="Messages">
        {data?.toReversed().map((message) => (
          <Message key={message.tokenId} message={message} />
        ))}
      </ul>
    </>
  )
}
