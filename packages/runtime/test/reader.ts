import type { ByteStream } from '@holdfast/core';

/** Collects what a stream tells, for stories. */
export interface Reader {
  readonly received: number;
  readonly drains: number;
  readonly ended: boolean;
  readonly closes: readonly (Error | undefined)[];
  /** The next `length` bytes as text. */
  text(length: number): Promise<string>;
}

export function readerOf(stream: ByteStream): Reader {
  let buffered = new Uint8Array(0);
  let waiting: { readonly length: number; readonly give: (text: string) => void } | undefined;
  const reader = { received: 0, drains: 0, ended: false, closes: [] as (Error | undefined)[], text };
  const serve = (): void => {
    if (waiting === undefined || buffered.length < waiting.length) return;
    const { length, give } = waiting;
    waiting = undefined;
    const taken = buffered.slice(0, length);
    buffered = buffered.slice(length);
    give(new TextDecoder().decode(taken));
  };
  function text(length: number): Promise<string> {
    return new Promise((give) => {
      waiting = { length, give };
      serve();
    });
  }
  stream.attach({
    data: (chunk) => {
      reader.received += chunk.length;
      if (reader.received > 1_000_000) return;
      const joined = new Uint8Array(buffered.length + chunk.length);
      joined.set(buffered);
      joined.set(chunk, buffered.length);
      buffered = joined;
      serve();
    },
    drain: () => (reader.drains += 1),
    end: () => (reader.ended = true),
    close: (error) => reader.closes.push(error),
  });
  return reader;
}
