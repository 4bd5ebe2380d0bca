import { useCallback, useState } from 'react'

/** A ref for an element and its width in pixels, so that drawings keep their letters' size. */
export function useWidth(first = 520): [(element: HTMLElement | null) => (() => void) | undefined, number] {
  const [width, setWidth] = useState(first)
  const watch = useCallback((element: HTMLElement | null) => {
    if (!element) return undefined
    const observer = new ResizeObserver(() => setWidth(element.clientWidth || first))
    observer.observe(element)
    setWidth(element.clientWidth || first)
    return () => observer.disconnect()
  }, [first])
  return [watch, width]
}
