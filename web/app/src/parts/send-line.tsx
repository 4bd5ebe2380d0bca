import type { Progress } from '../state/send'

/** What became of a transaction, in a sentence; announced to screen readers. */
export function SendLine({ progress }: { progress: Progress }) {
  return (
    <p className={`send ${progress.status}`} role={progress.status === 'failed' ? 'alert' : 'status'}>
      {progress.message}
    </p>
  )
}
