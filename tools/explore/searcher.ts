import { HelperProcess } from '../shared/helper-process.js';

/** What one search has found. */
export interface Found {
  /** For people. */
  readonly text: string;
  readonly states: number;
  readonly transitions: number;
  readonly isWell: boolean;
}

/** A process that does one search after the other. */
export function searcher(): HelperProcess<Found> {
  const program = new URL('main.ts', import.meta.url);
  return new HelperProcess(program, (text) => ({ text, states: 0, transitions: 0, isWell: false }));
}
