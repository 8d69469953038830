import { linkify } from './linkify.ts'

/** A message's words, with its links to click on. */
export function MessageText({ body }: { body: string }) {
  return linkify(body).map(({ text, href }, index) =>
    href === undefined ? (
      text
    ) : (
      <a key={index} href={href} target="_blank" rel="noopener noreferrer">
        {text}
      </a>
    ),
  )
}
