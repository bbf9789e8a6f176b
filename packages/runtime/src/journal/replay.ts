import { HoldfastError, type Policy, type PolicyEffect, type PolicyEvent } from '@holdfast/core';
import type { JournalOpening, JournalRecord, JournalStep } from './types.js';

/** A step whose effects came out other than they stand in the journal. */
export interface ReplayDifference<Effect> {
  readonly sequence: number;
  readonly journalled: readonly PolicyEffect[];
  readonly replayed: readonly Effect[];
}

export interface Replay<State, Effect> {
  /** After the last step; undefined for an empty journal. */
  readonly state: State | undefined;
  readonly effects: readonly Effect[];
  readonly steps: number;
  /** Empty when policy and journal agree. */
  readonly differences: readonly ReplayDifference<Effect>[];
}

/**
 * Steps the policy again through a journal. Every opening begins anew from the state it holds, so a journal of several lives or files
 * replays as a whole. It needs every step between two openings: one thinned by `keep` cannot be replayed.
 *
 * @throws CONFIG_INVALID for a journal of another policy or state version, or one that begins with a step; CORRUPT where steps are
 *   missing in the middle.
 */
export function replay<Options, State, Event extends PolicyEvent, Effect extends PolicyEffect>(
  policy: Policy<Options, State, Event, Effect>,
  records: Iterable<JournalRecord>,
): Replay<State, Effect> {
  const effects: Effect[] = [];
  const differences: ReplayDifference<Effect>[] = [];
  let at: { readonly state: State; readonly sequence: number } | undefined;
  let steps = 0;
  for (const record of records) {
    if (record.record === 'opening') {
      at = { state: stateOf(policy, record), sequence: record.sequence };
      continue;
    }
    // The event that halted the driver changed nothing and led to nothing.
    if (record.halted !== undefined) continue;
    if (at === undefined) {
      throw new HoldfastError(
        'CONFIG_INVALID',
        `The journal begins with step ${String(record.sequence)}; a replay begins at an opening. Give it more of the journal.`,
      );
    }
    checkNext(at.sequence, record);
    // What the journal holds was an event of this policy, by the check of its name and version.
    const step = policy.step(at.state, record.event as Event);
    at = { state: step.state, sequence: record.sequence };
    steps += 1;
    for (const effect of step.effects) effects.push(effect);
    if (JSON.stringify(step.effects) !== JSON.stringify(record.effects)) {
      differences.push({ sequence: record.sequence, journalled: record.effects, replayed: step.effects });
    }
  }
  return { state: at?.state, effects, steps, differences };
}

function stateOf<Options, State, Event extends PolicyEvent, Effect extends PolicyEffect>(
  policy: Policy<Options, State, Event, Effect>,
  opening: JournalOpening,
): State {
  if (opening.policy === policy.name && opening.stateVersion === policy.stateVersion)
    return opening.state as State;
  throw new HoldfastError(
    'CONFIG_INVALID',
    `The journal is of ${opening.policy}, state version ${String(opening.stateVersion)}; this is ${policy.name}, version ${String(policy.stateVersion)}. Replay it with the release that wrote it.`,
  );
}

function checkNext(last: number, { sequence }: JournalStep): void {
  if (sequence === last + 1) return;
  throw new HoldfastError(
    'CORRUPT',
    `Step ${String(sequence)} follows step ${String(last)} in the journal. A replay needs every step: was it thinned, or did it drop some?`,
  );
}
