import { describe, expect, it } from 'vitest';
import type { EventLine } from './lines.js';
import { type Refusal, refusalLines, refusedByNbd } from './refusals.js';

const refusal: Refusal = { at: 'tcp:127.0.0.1:7', remote: '127.0.0.1:9', reason: 'no proof' };

describe('lines about those who were turned away', () => {
  it('say who, where and why', () => {
    const lines: EventLine[] = [];
    refusalLines('north', (line) => lines.push(line))(refusal);
    expect(lines).toMatchObject([
      { source: 'north', kind: 'refused', text: 'turned away 127.0.0.1:9 at tcp:127.0.0.1:7: no proof' },
    ]);
  });

  it('are few however many there are, and none is forgotten', () => {
    const lines: EventLine[] = [];
    let nowMs = 0;
    const refused = refusalLines(
      'north',
      (line) => lines.push(line),
      () => nowMs,
    );
    for (let knock = 0; knock < 1_000; knock += 1) refused(refusal);
    expect(lines).toHaveLength(20);
    refused({ ...refusal, at: 'tcp:127.0.0.1:8' });
    expect(lines.pop()?.text, 'another door has lines of its own').toContain('tcp:127.0.0.1:8');
    nowMs = 1_500;
    refused(refusal);
    refused(refusal);
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)?.text).toContain('(and 980 more since the last such line)');
    nowMs = 3_600_000;
    for (let knock = 0; knock < 100; knock += 1) refused(refusal);
    expect(lines).toHaveLength(41);
  });

  it('tell of an NBD client once, whatever it was turned away for', () => {
    const told: Refusal[] = [];
    const observe = refusedByNbd('tcp:127.0.0.1:7', (next) => told.push(next));
    const remote = '127.0.0.1:9';
    observe({ kind: 'proof-refused', connection: 1, remote, because: 'TLS: unknown authority' });
    const ended = { kind: 'connection-closed', remote, reason: 'protocol-error' } as const;
    observe({ ...ended, connection: 1, because: 'TLS: unknown authority' });
    observe({ ...ended, connection: 2, because: 'unknown client flags' });
    observe({ ...ended, connection: 3, because: undefined, reason: 'client-disconnected' });
    expect(told.map(({ reason }) => reason)).toEqual(['TLS: unknown authority', 'unknown client flags']);
  });
});
