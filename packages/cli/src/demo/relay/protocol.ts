import type { Direction, Passage } from './relay.js';

/** What the demonstration tells the relay: one JSON object per line. Each line is answered by one. */
export interface RelayCommand {
  readonly direction: Direction;
  readonly passage: Passage;
}

export type RelayAnswer =
  { readonly ok: true; readonly swallowedBytes: number } | { readonly ok: false; readonly reason: string };

export function parseRelayCommand(line: string): RelayCommand | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('direction' in value) || !('passage' in value))
    return undefined;
  const { direction, passage } = value;
  if (direction !== 'forward' && direction !== 'backward') return undefined;
  if (passage !== 'pass' && passage !== 'swallow') return undefined;
  return { direction, passage };
}
