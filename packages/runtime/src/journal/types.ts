import type { EffectIdentity, Millis, PolicyEffect, PolicyEvent } from '@holdfast/core';

/** Version of the journal's lines; it rises when a reader of the old form could not read the new one. */
export const JOURNAL_VERSION = 1;

/** Where a life of a driver, or a file of a rotated journal, begins. */
export interface JournalOpening {
  readonly record: 'opening';
  /** JOURNAL_VERSION of the release that wrote it. */
  readonly version: number;
  readonly policy: string;
  readonly stateVersion: number;
  readonly identity: EffectIdentity;
  /** Number of the last event before this record; 0 at the beginning of a life. */
  readonly sequence: number;
  readonly at: Millis;
  /** Milliseconds since 1970. */
  readonly wallTime: number;
  /** The state that the next step starts from. */
  readonly state: unknown;
}

/** One decision: what happened, and what was asked for, each wish with its reason. */
export interface JournalStep {
  readonly record: 'step';
  readonly sequence: number;
  readonly at: Millis;
  readonly wallTime: number;
  readonly event: PolicyEvent;
  readonly effects: readonly PolicyEffect[];
  /** Present when this event halted the driver; its effects were not handed out. */
  readonly halted?: string;
}

export type JournalRecord = JournalOpening | JournalStep;

/**
 * Keeps decisions for people and for replay. Guarantee: `append` returns at once and never throws; records are kept in order.
 * A journal may forget its oldest records, and whether it is durable is its own matter: nothing waits for it, because the
 * durable incarnation alone already keeps two lives from using the same effect id.
 */
export interface Journal {
  /** @param opening describes the point after `record`, for a journal that begins a new file there. Called at once or never. */
  append(record: JournalRecord, opening: () => JournalOpening): void;
  /** Writes what is waiting. */
  [Symbol.asyncDispose](): Promise<void>;
}
