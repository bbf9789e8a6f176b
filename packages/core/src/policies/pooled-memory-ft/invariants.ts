import type { Invariant } from '../../kernel/policy.js';
import type { PooledMemoryState } from './state.js';

const cheap = (
  name: string,
  check: (state: PooledMemoryState) => string | undefined,
): Invariant<PooledMemoryState> => ({ name, cost: 'cheap', check });

/** What must hold of one controller's state after every step. */
export const pooledMemoryInvariants: readonly Invariant<PooledMemoryState>[] = [
  cheap('no secondary waits on the host of the primary', ({ secondary, record, saving, mode }) =>
    secondary?.host === (saving?.record ?? record).primary && mode !== 'promoting'
      ? `host ${secondary.host}`
      : undefined,
  ),
  cheap(
    'a protected machine has a sealed generation and a secondary that waits',
    ({ mode, secondary, record, saving }) =>
      mode === 'protected' &&
      (secondary?.isAttached !== true || (saving?.record ?? record).current === undefined)
        ? `secondary ${secondary?.host ?? 'none'}, generation ${String(record.current ?? 'none')}`
        : undefined,
  ),
  cheap('a promotion is durable, with its epoch, before it is asked for', ({ call, record }) =>
    call?.what === 'promote' && record.promoting === undefined ? `epoch ${String(record.epoch)}` : undefined,
  ),
  cheap('nobody is promoted while the writer may seal', ({ mode, checkpoint }) =>
    (mode === 'promoting' || mode === 'fencing') && checkpoint !== undefined
      ? `generation ${String(checkpoint.generation)}`
      : undefined,
  ),
  cheap('the epoch on the disk never goes back', ({ saving, record }) =>
    saving !== undefined && saving.record.epoch < record.epoch
      ? `${String(record.epoch)}, then ${String(saving.record.epoch)}`
      : undefined,
  ),
  {
    name: 'the state is plain JSON',
    cost: 'costly',
    check: (state) => {
      const text = JSON.stringify(state);
      return JSON.stringify(JSON.parse(text)) === text ? undefined : 'it does not survive a round trip';
    },
  },
];
