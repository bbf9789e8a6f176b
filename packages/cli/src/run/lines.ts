/** One line per event: for people, or as JSON for machines. */
export interface EventLine {
  readonly source: string;
  readonly kind: string;
  readonly text: string;
  /** Everything there is to know, for `--json`. */
  readonly data?: object;
}

export type SayLine = (line: EventLine) => void;

/** @param write one line, without its end. */
export function lineWriter(json: boolean, write: (line: string) => void): SayLine {
  return ({ source, kind, text, data }) => {
    const time = Date.now();
    if (json) write(JSON.stringify({ time, source, kind, text, ...data }));
    else write(`${new Date(time).toISOString().slice(11, 23)}  ${source.padEnd(9)} ${text}`);
  };
}
