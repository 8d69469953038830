import { useImperativeHandle, useLayoutEffect, useRef, type ComponentProps } from 'react'

/** A text field as tall as its text, up to its `max-height`. */
export function GrowingTextarea({ ref, ...props }: ComponentProps<'textarea'>) {
  const element = useRef<HTMLTextAreaElement>(null)
  useImperativeHandle(ref, () => element.current as HTMLTextAreaElement) // set before handles are read
  useLayoutEffect(() => {
    const { current } = element
    if (!current) return
    current.style.height = 'auto'
    current.style.height = `${current.scrollHeight}px`
  }, [props.value])
  return <textarea ref={element} rows={1} {...props} />
}
