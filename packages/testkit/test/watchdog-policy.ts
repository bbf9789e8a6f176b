import { OptionsError, type Policy, type PolicyEffect, type PolicyEvent, effectId } from '@holdfast/core';

/** A toy with what a transcript shows: time, effects that wait, reasons, invariants. */
export interface WatchdogEvent extends PolicyEvent {
  readonly kind: 'tick' | 'heard' | 'confuse';
}

export interface WatchdogEffect extends PolicyEffect {
  readonly kind: 'persist' | 'alarm';
  readonly peer?: string;
  readonly because: { readonly kind: 'peer-silent'; readonly silentMs: number };
}

export interface WatchdogState {
  readonly limitMs: number;
  readonly heardAt: number;
  readonly told: boolean;
}

const identity = { groupId: 'g', nodeId: 'n', incarnation: 1 };

export const watchdog: Policy<{ limitMs: number }, WatchdogState, WatchdogEvent, WatchdogEffect> = {
  name: 'watchdog',
  stateVersion: 1,
  init: ({ limitMs }, at) => {
    if (limitMs <= 0) throw new OptionsError('limitMs > 0', { limitMs }, 'Give the peer some time.');
    return { limitMs, heardAt: at, told: false };
  },
  step: (state, event) => {
    if (event.kind === 'confuse') return { state: { ...state, heardAt: -1 }, effects: [] };
    if (event.kind === 'heard') return { state: { ...state, heardAt: event.at, told: false }, effects: [] };
    const silentMs = event.at - state.heardAt;
    if (state.told || silentMs < state.limitMs) return { state, effects: [] };
    const because = { kind: 'peer-silent', silentMs } as const;
    const id = (index: number): string => effectId(identity, event.sequence, index);
    return {
      state: { ...state, told: true },
      effects: [
        { id: id(0), kind: 'persist', because },
        { id: id(1), kind: 'alarm', peer: 'beta', after: [id(0)], because },
      ],
    };
  },
  wakeAt: (state) => (state.told ? undefined : state.heardAt + state.limitMs),
  explain: ({ because }) => `The peer has been silent for ${String(because.silentMs)} ms.`,
  invariants: [
    {
      name: 'time is not negative',
      cost: 'costly',
      check: (state) => (state.heardAt < 0 ? `heard at ${String(state.heardAt)}` : undefined),
    },
  ],
};
