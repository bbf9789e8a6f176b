import { describe, expect, test } from 'vitest';
import {
  applianceUpgrade,
  applianceUpgradeDefaults,
  type ApplianceUpgradeState,
  type UpgradeEffect,
  type UpgradeEvent,
  type UpgradePlan,
  type UpgradeRecord,
} from '../../src/index.js';

type Run = Extract<UpgradeEffect, { kind: 'run' }>;

/** The orchestrator, its record, and what is true of the two appliances; one volume, one script. */
interface System {
  readonly state: ApplianceUpgradeState;
  readonly durable: UpgradeRecord | undefined;
  readonly incarnation: number;
  readonly sequence: number;
  /** Steps that were handed out, by whichever life, and have not come about. Those of one appliance come in their order. */
  readonly open: readonly { readonly life: number; readonly effect: Run }[];
  readonly writing: readonly UpgradeEffect[];
  readonly waiting: readonly Run[];
  readonly first: {
    readonly serves: boolean;
    readonly content: 'old' | 'expanded';
    readonly hasSnapshot: boolean;
  };
  readonly second: {
    readonly serves: boolean;
    readonly content: 'none' | 'old' | 'expanded';
    readonly isCutOff: boolean;
  };
  readonly identity: { readonly owner: 'first' | 'second'; readonly epoch: number };
  readonly troubles: number;
  readonly words: number;
}

type Choice =
  | { readonly kind: 'write' | 'crash' | 'confirm' | 'abort' | 'time-out' }
  | { readonly kind: 'done' | 'failed' | 'unheard'; readonly index: number };

const MOST_TROUBLES = Number(process.env['HOLDFAST_TROUBLES'] ?? 2);
const plan: UpgradePlan = {
  upgradeId: 'u',
  fromVersion: '1',
  toVersion: '2',
  volumes: ['db'],
  scripts: ['s'],
  isHighlyAvailable: false,
};

function boot(record: UpgradeRecord | undefined, incarnation: number): ApplianceUpgradeState {
  const self = { ...applianceUpgradeDefaults, groupId: 'g', nodeId: 'lcm', incarnation, tries: 2 };
  return applianceUpgrade.init({ ...self, ...(record === undefined ? {} : { record }) }, 0);
}

function start(): System {
  const system: System = {
    state: boot(undefined, 1),
    durable: undefined,
    incarnation: 1,
    sequence: 0,
    open: [],
    writing: [],
    waiting: [],
    first: { serves: true, content: 'old', hasSnapshot: false },
    second: { serves: false, content: 'none', isCutOff: false },
    identity: { owner: 'first', epoch: 1 },
    troubles: 0,
    words: 0,
  };
  return give(system, { kind: 'command', commandId: 'c', command: { kind: 'start', plan } });
}

function give(system: System, fact: object, at = 0): System {
  const sequence = system.sequence + 1;
  const event = { ...fact, at, sequence } as UpgradeEvent;
  const { state, effects } = applianceUpgrade.step(system.state, event);
  for (const invariant of applianceUpgrade.invariants) {
    const broken = invariant.cost === 'cheap' ? invariant.check(state) : undefined;
    if (broken !== undefined) throw new Error(`${invariant.name}: ${broken}`);
  }
  const writing = [...system.writing, ...effects.filter(({ kind }) => kind === 'persist')];
  const waiting = [...system.waiting, ...effects.filter((effect) => effect.kind === 'run')];
  return { ...system, state: { ...state, now: 0, ignored: {} }, sequence, writing, waiting };
}

function choices(system: System): readonly Choice[] {
  const found: Choice[] = [];
  const { record } = system.state;
  if (system.writing.length > 0) found.push({ kind: 'write' });
  const [next] = system.open;
  const mayFail = system.troubles < MOST_TROUBLES;
  if (next !== undefined) {
    found.push({ kind: 'done', index: 0 });
    if (mayFail) found.push({ kind: 'failed', index: 0 }, { kind: 'unheard', index: 0 });
  }
  if (mayFail && system.durable !== undefined && record?.end === undefined) found.push({ kind: 'crash' });
  if (mayFail && system.state.running !== undefined && system.writing.length === 0)
    found.push({ kind: 'time-out' });
  const waits = system.state.confirmBy !== undefined && system.writing.length === 0;
  if (waits) found.push({ kind: 'confirm' });
  if (waits || (mayFail && record?.end === undefined && system.words < 1)) found.push({ kind: 'abort' });
  if (found.length === 0 && applianceUpgrade.wakeAt(system.state) !== undefined)
    found.push({ kind: 'time-out' });
  return found;
}

function apply(system: System, choice: Choice): System {
  switch (choice.kind) {
    case 'write': {
      const [effect, ...writing] = system.writing;
      if (effect?.kind !== 'persist') return system;
      const ready = system.waiting.filter(({ after = [] }) => after.includes(effect.id));
      const waiting = system.waiting.filter((one) => !ready.includes(one));
      const open = [...system.open, ...ready.map((one) => ({ life: system.incarnation, effect: one }))];
      const next = { ...system, durable: effect.record, writing, waiting, open };
      return give(next, { kind: 'persisted', effect: effect.id });
    }
    case 'crash': {
      const incarnation = system.incarnation + 1;
      const state = boot(system.durable, incarnation);
      const next = {
        ...system,
        state,
        incarnation,
        sequence: 0,
        writing: [],
        waiting: [],
        troubles: system.troubles + 1,
      };
      return give(next, { kind: 'tick' });
    }
    case 'confirm':
      return give(system, { kind: 'command', commandId: 'c', command: { kind: 'confirm' } });
    case 'abort':
      return give(
        { ...system, words: system.words + 1 },
        { kind: 'command', commandId: 'c', command: { kind: 'abort', acceptLoss: true } },
      );
    case 'time-out': {
      const wakeAt = applianceUpgrade.wakeAt(system.state) ?? 0;
      const isFree = system.state.running === undefined;
      return give({ ...system, troubles: system.troubles + (isFree ? 0 : 1) }, { kind: 'tick' }, wakeAt);
    }
    default:
      return comeAbout(system, choice);
  }
}

function comeAbout(system: System, { kind, index }: Extract<Choice, { index: number }>): System {
  const taken = system.open[index];
  if (taken === undefined) return system;
  const open = system.open.filter((_, at) => at !== index);
  const troubles = system.troubles + (kind === 'done' ? 0 : 1);
  const { effect } = taken;
  const acted =
    kind === 'failed' ? { ...system, open, troubles } : act({ ...system, open, troubles }, effect);
  if (kind === 'unheard' || taken.life !== system.incarnation) return acted;
  if (kind === 'failed')
    return give(acted, { kind: 'step-failed', effect: effect.id, cause: 'retry', detail: 'x' });
  return give(acted, { kind: 'step-done', effect: effect.id, movedBytes: 1, tookMs: 1 });
}

function act(system: System, { action, identityEpoch }: Run): System {
  const { first, second, identity } = system;
  switch (action) {
    case 'snapshot':
      return { ...system, first: { ...first, hasSnapshot: true } };
    case 'expand':
      if (!first.hasSnapshot) throw new Error('expanded without a snapshot');
      return { ...system, first: { ...first, content: 'expanded' } };
    case 'sync-base':
    case 'send-delta':
    case 'send-final-delta':
      return { ...system, second: { ...second, content: first.content } };
    case 'quiesce-first':
    case 'stop-first':
      return { ...system, first: { ...first, serves: false } };
    case 'take-identity':
    case 'return-identity':
      if (identityEpoch <= identity.epoch) return system;
      return {
        ...system,
        identity: { owner: action === 'take-identity' ? 'second' : 'first', epoch: identityEpoch },
      };
    case 'start-second':
      // An older start that comes late is refused there.
      if (identityEpoch < identity.epoch || second.isCutOff) return system;
      if (first.serves) throw new Error('both appliances serve');
      if (second.content !== 'expanded') throw new Error('the second appliance starts on an old replica');
      return { ...system, second: { ...second, serves: true } };
    case 'stop-second':
    case 'discard-second':
      return { ...system, second: { ...second, serves: false } };
    case 'fence-second':
      return { ...system, second: { ...second, serves: false, isCutOff: true } };
    case 'start-first':
      if (second.serves) throw new Error('both appliances serve');
      if (identity.owner !== 'first') throw new Error('the first appliance starts without the identity');
      return { ...system, first: { ...first, serves: true } };
    case 'revert-volume':
      if (first.serves) throw new Error('a volume is exchanged under running services');
      return { ...system, first: { ...first, content: 'old' } };
    case 'discard-snapshots':
    case 'clean-up':
      return { ...system, first: { ...first, hasSnapshot: false } };
    default:
      return system;
  }
}

/** Names of effects do not matter, so that states which differ by them alone are one. */
function key(system: System): string {
  const { sequence: _sequence, incarnation, open, ...rest } = system;
  const slim = open.map(({ life, effect: { action, identityEpoch } }) => [
    life === incarnation,
    action,
    identityEpoch,
  ]);
  return JSON.stringify([rest, slim], (name, value: unknown) => (name === 'because' ? undefined : value))
    .replace(/g\/lcm\/[\d/]+/g, '#')
    .replace(/"incarnation":\d+/g, '');
}

describe('every failure, silence, crash and abort, two at a time', () => {
  test('never both, never on a wrong replica, and at each end all of the new or all of the old', () => {
    let layer = [start()];
    const seen = new Set(layer.map(key));
    const ends = { completed: 0, reverted: 0, refused: 0 };
    let depth = 0;
    for (; layer.length > 0; depth += 1) {
      const next: System[] = [];
      for (const system of layer) {
        const open = choices(system);
        if (open.length === 0) ends[end(system)] += 1;
        for (const choice of open) {
          const reached = apply(system, choice);
          const name = key(reached);
          if (seen.has(name)) continue;
          seen.add(name);
          next.push(reached);
        }
      }
      layer = next;
    }
    process.stdout.write(
      `${String(seen.size)} states, ${String(depth)} deep, ends ${JSON.stringify(ends)}\n`,
    );
    expect(seen.size).toBeGreaterThan(2_000);
    expect(ends.completed).toBeGreaterThan(0);
    expect(ends.reverted).toBeGreaterThan(0);
  }, 60_000);
});

function end({ state, first, second, identity }: System): 'completed' | 'reverted' | 'refused' {
  const how = state.record?.end;
  if (how === undefined) throw new Error(`stands still at ${JSON.stringify(state.record)}`);
  const isNew =
    !first.serves && second.serves && second.content === 'expanded' && identity.owner === 'second';
  const isOld = first.serves && !second.serves && first.content === 'old' && identity.owner === 'first';
  if (how === 'completed' ? !isNew : !isOld)
    throw new Error(`${how}, but ${JSON.stringify([first, second, identity])}`);
  return how;
}
