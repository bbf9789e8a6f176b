import {
  pooledMemoryFt,
  type PooledMemoryEffect,
  type PooledMemoryFact,
  type PooledMemoryRecord,
  type PooledMemoryState,
} from '../../src/index.js';
import type { stepWith } from '../../src/policies/pooled-memory-ft/step.js';
import { optionsOf } from './machine.js';

export interface Budget {
  readonly crashes: number;
  /** Processes of the machine that end, on any host. */
  readonly ends: number;
  /** Hosts whose heartbeat stands still although they run. */
  readonly silences: number;
  readonly ticks: number;
  readonly seals: number;
  /** Answers that never come. */
  readonly losses: number;
  readonly writableStandbys: number;
}

/** A pool, three hosts, a controller with a disk, and whatever may happen to them. */
export interface System {
  readonly policy: PooledMemoryState | undefined;
  readonly disk: PooledMemoryRecord;
  readonly life: number;
  readonly sequence: number;
  readonly now: number;
  readonly pending: readonly PooledMemoryEffect[];
  readonly answers: readonly PooledMemoryFact[];
  /** The epoch in the pool. */
  readonly epoch: number;
  readonly sealed: readonly number[];
  /** By host: a process that may write this file of the pool. */
  readonly writers: Readonly<Record<string, { readonly epoch: number; readonly file: number }>>;
  readonly standby: string | undefined;
  readonly left: Budget;
  readonly broken: string | undefined;
}

export type StepOf = ReturnType<typeof stepWith>;

export const hosts = ['h1', 'h2', 'h3'].map((id) => ({
  id,
  failureDomain: `rack of ${id}`,
  poolReachable: true,
  machines: 1,
  processors: 2,
  freeMhz: 4_000,
}));

/** Machine-wide settings: a checkpoint by every tick, so that a few ticks are enough. */
const tuning = { secondaryRetryMs: 250, outputCommit: 'none' } as const;

export function tell(system: System, fact: PooledMemoryFact, step: StepOf): System {
  if (system.policy === undefined) return system;
  const sequence = system.sequence + 1;
  const next = step(system.policy, { ...fact, at: system.now, sequence });
  const wishes = next.effects.filter(({ kind }) => !['report', 'answer', 'release-output'].includes(kind));
  let { broken } = system;
  for (const invariant of pooledMemoryFt.invariants) {
    const wrong = invariant.cost === 'cheap' ? invariant.check(next.state) : undefined;
    if (wrong !== undefined) broken ??= `${invariant.name}: ${wrong}`;
  }
  return { ...system, policy: next.state, sequence, broken, pending: [...system.pending, ...wishes] };
}

export function start(system: System, step: StepOf): System {
  const life = system.life + 1;
  const policy = pooledMemoryFt.init(
    optionsOf({ record: system.disk, incarnation: life, tuning }),
    system.now,
  );
  const begun: System = { ...system, life, policy, sequence: 0, pending: [], answers: [] };
  return tell(begun, { kind: 'hosts-reported', hosts }, step);
}

export function perform(
  system: System,
  effect: PooledMemoryEffect,
  step: StepOf,
  isWritable = false,
): System {
  const done = { ...system, pending: system.pending.filter((one) => one !== effect) };
  const answer = (change: Partial<System>, ...facts: readonly PooledMemoryFact[]): System => ({
    ...done,
    ...change,
    answers: [...done.answers, ...facts],
  });
  const { id } = effect;
  switch (effect.kind) {
    case 'persist':
      return answer({ disk: effect.record }, { kind: 'persisted', effect: id });
    case 'attach-secondary':
      return answer(
        { standby: effect.host },
        { kind: 'secondary-attached', effect: id, isReadOnly: !isWritable },
      );
    case 'drop-secondary':
      return answer({ standby: undefined });
    case 'checkpoint':
      return seal(done, effect, answer);
    case 'raise-epoch':
      // A repeat by who has raised it is no race that was lost; nobody else raises it in here.
      return done.epoch === effect.from || done.epoch === effect.to
        ? answer({ epoch: effect.to }, { kind: 'epoch-raised', effect: id })
        : answer({}, { kind: 'epoch-refused', effect: id, epoch: done.epoch });
    case 'take-pool-lock':
      return done.writers[effect.host] === undefined
        ? answer({}, { kind: 'pool-lock-taken', effect: id })
        : done;
    case 'promote':
      return promote(done, effect, answer);
    case 'kill-writer':
      return endWriter(done, effect.host, effect.belowEpoch);
    default:
      return tell(done, { kind: 'tick' }, step);
  }
}

type Answer = (change: Partial<System>, ...facts: readonly PooledMemoryFact[]) => System;

function seal(
  system: System,
  { id, host, epoch, generation }: Extract<PooledMemoryEffect, { kind: 'checkpoint' }>,
  answer: Answer,
): System {
  if (system.writers[host]?.epoch !== epoch) return system;
  const image = { generation, epoch, sizeBytes: 1_024, ramStop: generation, deviceStop: generation };
  const whole = { ...image, deviceDigestFits: true, argumentsDigest: 'm1', pauseMs: 1 };
  const sealed = system.epoch === epoch ? [...system.sealed, generation] : system.sealed;
  return answer({ sealed }, { kind: 'generation-sealed', effect: id, ...whole });
}

function promote(
  system: System,
  effect: Extract<PooledMemoryEffect, { kind: 'promote' }>,
  answer: Answer,
): System {
  const { host, epoch, generation, into } = effect;
  const { writers, sealed, disk } = system;
  // The pool runs nobody of an epoch that is over.
  if (epoch < system.epoch)
    return answer({}, { kind: 'promote-failed', effect: effect.id, detail: `epoch ${epoch} is over` });
  const others = Object.entries(writers).filter(([id]) => id !== host);
  const wrong =
    epoch !== system.epoch
      ? `a machine is run in epoch ${epoch}, and the pool is in ${system.epoch}`
      : !sealed.includes(generation)
        ? `generation ${generation} is not sealed`
        : sealed.includes(into)
          ? `a writer runs on the sealed generation ${into}`
          : others.some(([, writer]) => writer.file === into)
            ? `two writers run on file ${into}`
            : others.some(([, writer]) => writer.epoch >= epoch)
              ? `two writers run in epoch ${epoch}`
              : disk.promoting?.to !== host || disk.epoch !== epoch
                ? 'a machine is run that no record speaks of'
                : undefined;
  return answer(
    {
      writers: { ...writers, [host]: { epoch, file: into } },
      standby: system.standby === host ? undefined : system.standby,
      broken: system.broken ?? wrong,
    },
    { kind: 'promoted', effect: effect.id, guestTimeGapMs: 1 },
  );
}

export function endWriter(system: System, host: string, belowEpoch = Number.MAX_SAFE_INTEGER): System {
  const { [host]: writer, ...writers } = system.writers;
  if (writer === undefined || writer.epoch >= belowEpoch) return system;
  const fact = { kind: 'writer-ended', host, epoch: writer.epoch } as const;
  return { ...system, writers, answers: [...system.answers, fact] };
}

export interface Choice {
  readonly name: string;
  readonly go: () => System;
}

/** Everything that may happen now. */
export function choices(system: System, step: StepOf): readonly Choice[] {
  const found: Choice[] = [];
  const { policy, left, now } = system;
  const may = (name: string, spends: keyof Budget | undefined, go: () => System): void => {
    if (spends !== undefined && left[spends] <= 0) return;
    const paid = spends === undefined ? left : { ...left, [spends]: left[spends] - 1 };
    found.push({ name, go: () => ({ ...go(), left: paid }) });
  };
  if (policy === undefined) {
    may('the controller starts', undefined, () => start(system, step));
    return found;
  }
  const kinds = new Set<string>();
  for (const effect of system.pending) {
    if (kinds.has(effect.kind)) continue;
    kinds.add(effect.kind);
    const spends = effect.kind === 'checkpoint' ? 'seals' : undefined;
    may(effect.kind, spends, () => perform(system, effect, step));
    if (effect.kind === 'attach-secondary')
      may('a standby that can write', 'writableStandbys', () => perform(system, effect, step, true));
  }
  for (const [index, fact] of system.answers.entries()) {
    const rest = { ...system, answers: system.answers.filter((_, at) => at !== index) };
    may(`hears ${fact.kind}`, undefined, () => tell(rest, fact, step));
    may(`never hears ${fact.kind}`, 'losses', () => rest);
  }
  may('the controller ends', 'crashes', () => ({ ...system, policy: undefined, pending: [], answers: [] }));
  const { primary } = policy.record;
  for (const host of Object.keys(system.writers))
    may(`the process on ${host} ends`, 'ends', () => endWriter(system, host));
  if (system.standby !== undefined) {
    const { standby: host } = system;
    const lost = { kind: 'secondary-lost', host, detail: 'gone' } as const;
    may('the standby ends', 'ends', () => tell({ ...system, standby: undefined }, lost, step));
  }
  const { tuning: numbers } = policy.self;
  const heard = { kind: 'host-heard', host: primary, network: 'silent' } as const;
  may('silence', 'silences', () =>
    tell(system, { ...heard, pool: 'silent', silentMs: numbers.suspectAfterMs }, step),
  );
  if (policy.mode === 'fencing' && system.writers[primary] !== undefined)
    may('heard again', undefined, () => tell(system, { ...heard, pool: 'alive', silentMs: 0 }, step));
  const due = pooledMemoryFt.wakeAt(policy);
  if (due !== undefined)
    may('time passes', 'ticks', () => tell({ ...system, now: Math.max(due, now) }, { kind: 'tick' }, step));
  return found;
}

/** Two systems that differ only in names and in how late it is are one. */
export function keyOf(system: System): string {
  const { now, sequence: _sequence, life: _life, policy, pending, answers, ...rest } = system;
  const names = new Map<string, string>();
  const text = JSON.stringify([policy, pending, answers, rest], (key, value: unknown) => {
    if (['because', 'self', 'absorbed', 'hosts'].includes(key)) return undefined;
    const isTime = ['now', 'checkpointAt', 'secondaryAt', 'since', 'heardAt', 'retryAt'].includes(key);
    return isTime ? Math.max(-9_999, Number(value) - now) : value;
  });
  return text.replace(/vm-7\/controller\/\d+\/\d+\/\d+/g, (name) => {
    const short = names.get(name) ?? `#${names.size}`;
    names.set(name, short);
    return short;
  });
}

/** A protected machine: a secondary waits, and one generation is sealed. */
export function protectedMachine(left: Budget, step: StepOf): System {
  const disk = optionsOf({}).record;
  let system: System = {
    policy: undefined,
    disk,
    life: 0,
    sequence: 0,
    now: 0,
    pending: [],
    answers: [],
    epoch: 1,
    sealed: [],
    writers: { h1: { epoch: 1, file: 0 } },
    standby: undefined,
    left,
    broken: undefined,
  };
  system = start(system, step);
  const enable = {
    kind: 'command',
    commandId: 'k',
    command: { kind: 'enable', memoryInPool: true },
  } as const;
  system = tell(system, enable, step);
  for (let count = 0; count < 20 && system.policy?.mode !== 'protected'; count += 1) {
    const [effect] = system.pending;
    const [fact, ...answers] = system.answers;
    if (effect !== undefined) system = perform(system, effect, step);
    else if (fact !== undefined) system = tell({ ...system, answers }, fact, step);
    else system = tell(system, { kind: 'tick' }, step);
  }
  return system;
}
