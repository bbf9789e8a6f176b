/** One line of one of the processes. */
export interface SaidLine {
  readonly source: string;
  /** Kind of what it tells; `text` for a line that is no JSON. */
  readonly kind: string;
  readonly text: string;
  readonly atMs: number;
  readonly event?: object;
  /** Of a `standstill`: for how long the process did not come to its turn. */
  readonly lengthMs?: number;
}

export function readLine(source: string, line: string, stream: 'stdout' | 'stderr'): SaidLine {
  const atMs = Date.now();
  if (stream === 'stdout' && line.startsWith('{')) {
    const said: unknown = JSON.parse(line);
    if (typeof said === 'object' && said !== null && 'kind' in said && 'text' in said) {
      return {
        source,
        kind: String(said.kind),
        text: String(said.text),
        atMs,
        ...('event' in said && typeof said.event === 'object' && said.event !== null
          ? { event: said.event }
          : {}),
        ...('lengthMs' in said ? { lengthMs: Number(said.lengthMs) } : {}),
      };
    }
  }
  return { source, kind: 'text', text: line, atMs };
}
