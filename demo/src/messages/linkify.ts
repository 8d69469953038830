export type TextPart = { readonly text: string; readonly href?: string }

const url = /https?:\/\/[^\s<>"']+/g

/** Finds web addresses in a text. A full stop or a bracket after one belongs to the sentence. */
export function linkify(text: string): TextPart[] {
  const parts: TextPart[] = []
  let end = 0
  for (const match of text.matchAll(url)) {
    const href = match[0].replace(/[.,;:!?)\]}]+$/, '')
    if (!URL.canParse(href)) continue
    if (match.index > end) parts.push({ text: text.slice(end, match.index) })
    parts.push({ text: href, href })
    end = match.index + href.length
  }
  if (end < text.length) parts.push({ text: text.slice(end) })
  return parts
}
