/**
 * What is shown until a question is answered anew: the last answer to the same question, never to another one.
 * @param key of the question
 * @param varying how many of its last parts (a block, a price) may differ
 */
export function lastOfSame(key: readonly string[], varying = 1) {
  const question = (of: readonly unknown[]) => of.slice(0, of.length - varying).join('|')
  return <Answer>(before: Answer | undefined, query: { queryKey: readonly unknown[] } | undefined): Answer | undefined =>
    query && query.queryKey.length === key.length && question(query.queryKey) === question(key) ? before : undefined
}
