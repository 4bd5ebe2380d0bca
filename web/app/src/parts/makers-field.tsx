import { useId, useState } from 'react'
import { useMakers } from '../state/makers'

/** The servers that are asked, and a field for one more. */
export function MakersField() {
  const { servers, named, add, remove } = useMakers()
  const [text, setText] = useState('')
  const [said, setSaid] = useState('')
  const id = useId()
  return (
    <details className="makers">
      <summary>Maker servers: {servers.length}</summary>
      <ul className="num">
        {servers.map((server) => (
          <li key={server}>
            {server} {named.includes(server) && <button type="button" onClick={() => remove(server)} aria-label={`Remove ${server}`}>×</button>}
          </li>
        ))}
      </ul>
      <form
        className="field"
        onSubmit={(event) => {
          event.preventDefault()
          const refusal = add(text)
          setSaid(refusal)
          if (!refusal) setText('')
        }}
      >
        <label htmlFor={id}>Another maker server</label>
        <div className="input">
          <input id={id} value={text} placeholder="https://" onChange={(event) => setText(event.target.value)} aria-describedby={`${id}-said`} aria-invalid={said !== ''} />
          <button type="submit">Add</button>
        </div>
        <p id={`${id}-said`} className="said">{said}</p>
      </form>
    </details>
  )
}
