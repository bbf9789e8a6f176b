import {
  fallbackModels,
  mediatorFallback,
  mediatorFallbackTiming,
  type FaultResponseModel,
  type MediatorFallbackRecord,
  type MediatorFallbackState,
  type MediatorSight,
} from '../../src/index.js';
import { newPlay, Play, playing, wellFacts, type World, type WorldSetting } from './world.js';

/** Time stands still except where a choice moves it; probes are replaced by what the members see. */
export const exploringTiming = {
  ...mediatorFallbackTiming,
  probeIntervalMs: 1e6,
  probeTimeoutMs: 1e6,
  downAfterMs: 1e7,
  reliableAfterMs: 1e8,
  reportFreshMs: 1e7,
  proposeIntervalMs: 1,
  proposeTimeoutMs: 1_000,
  watchdogMs: 1e9,
  mediatorRestartMs: 1,
  startWaitMs: 1,
  mediateRetryMs: 1,
};

export interface Budget {
  readonly crashes: number;
  readonly drops: number;
  readonly repeats: number;
  /** How often all members see the mediators go and come. */
  readonly turns: number;
  /** How often the preference, and with it the coordinator, passes to the other. */
  readonly prefers: number;
  readonly timeouts: number;
}

export const nothing: Budget = { crashes: 0, drops: 0, repeats: 0, turns: 0, prefers: 0, timeouts: 0 };

interface Place {
  readonly world: World;
  readonly budget: Budget;
  readonly sight: MediatorSight;
  readonly preference: string;
}

export interface Exploration {
  readonly states: number;
  readonly depth: number;
  /** States in which two sides could both go on, if the link were cut there. */
  readonly splits: number;
  readonly broken: string | undefined;
  /** What led to the first of them, choice by choice. */
  readonly way: readonly string[] | undefined;
  /** How many of the states have a promise under way. */
  readonly switching: number;
}

export interface ExploreOptions {
  readonly policy?: typeof mediatorFallback;
  readonly limit?: number;
  /** How a member judges a fault. Default: by all models that it needs. */
  readonly models?: (record: MediatorFallbackRecord) => readonly FaultResponseModel[];
}

function settingOf({ policy }: ExploreOptions): WorldSetting {
  return { ...playing, policy: policy ?? mediatorFallback, timing: exploringTiming, log: () => undefined };
}

/** Every order of messages, losses, crashes and changes of mind, to the end. */
export function explore(budget: Budget, options: ExploreOptions = {}): Exploration {
  const setting = settingOf(options);
  const first = settleFirst(setting, budget);
  const entries = [{ place: first, depth: 0, from: -1, choice: '' }];
  const known = new Set([textOf(first)]);
  let splits = 0;
  let switching = 0;
  let broken: string | undefined;
  let way: readonly string[] | undefined;
  const limit = options.limit ?? 60_000;
  for (let index = 0; index < entries.length; index += 1) {
    const entry = entries[index]!;
    const records = Object.values(entry.place.world.members).map(({ disk }) => disk);
    if (records.some(({ pending }) => pending !== undefined)) switching += 1;
    if (bothCanGoOn(records, options.models ?? fallbackModels)) {
      splits += 1;
      way ??= wayTo(entries, index);
    }
    broken ??= brokenRule(entry.place);
    for (const choice of choicesOf(entry.place)) {
      const place = applyTo(entry.place, choice, setting);
      const text = textOf(place);
      if (known.has(text)) continue;
      known.add(text);
      entries.push({ place, depth: entry.depth + 1, from: index, choice });
    }
    if (entries.length > limit) throw new Error(`more than ${String(limit)} states`);
  }
  return { states: entries.length, depth: entries.at(-1)?.depth ?? 0, splits, broken, way, switching };
}

function wayTo(entries: readonly { readonly from: number; readonly choice: string }[], index: number) {
  const way: string[] = [];
  for (let at = index; at > 0; at = entries[at]!.from) way.unshift(entries[at]!.choice);
  return way;
}

/** The link is cut: can each of the two, alone, satisfy all it needs, whatever mediators answer and in whatever order? */
function bothCanGoOn(
  records: readonly MediatorFallbackRecord[],
  modelsOf: (record: MediatorFallbackRecord) => readonly FaultResponseModel[],
): boolean {
  const sides = records.map((record) => {
    const models = modelsOf(record);
    const isFine = models.every(
      (model) => model.kind === 'mediator' || (model.kind === 'preElected' && model.node === record.nodeId),
    );
    const asked = models.flatMap((model) => (model.kind === 'mediator' ? [model.id] : []));
    return { isFine, asked };
  });
  // A mediator gives the group to one side only: two sides that both need one of the same cannot both get it.
  const shares = sides[0]?.asked.some((id) => sides[1]?.asked.includes(id)) === true;
  return sides.every(({ isFine }) => isFine) && !shares;
}

function brokenRule({ world }: Place): string | undefined {
  for (const member of Object.values(world.members)) {
    for (const invariant of mediatorFallback.invariants) {
      const wrong = member.up ? invariant.check(member.state) : undefined;
      if (wrong !== undefined) return `${invariant.name}: ${wrong}`;
    }
  }
  return undefined;
}

function settleFirst(setting: WorldSetting, budget: Budget): Place {
  const play = newPlay(setting);
  play.set({ packets: [] });
  return still({ world: play.world, budget, sight: 'down', preference: 'a' });
}

function textOf({ world, budget, sight, preference }: Place): string {
  const skip = new Set(['because', 'self', 'facts', 'reports', 'sights', 'incarnation', 'absorbed', 'id']);
  return JSON.stringify([world, budget, sight, preference], (key, value: unknown) =>
    skip.has(key) ? undefined : value,
  );
}

/** As if everything so far had taken no time, and everybody knew at once how all see the mediator. */
function still(place: Place): Place {
  const { world, sight } = place;
  const own = { sight, answers: 1, fails: 0, since: 0, probedAt: 0 };
  const report = { at: 0, sights: { m1: sight }, facts: wellFacts, generation: 1 };
  const members = Object.fromEntries(
    Object.entries(world.members).map(([id, member]) => {
      const { proposal, saving } = member.state;
      const state: MediatorFallbackState = {
        ...member.state,
        now: 0,
        startedAt: 0,
        preference: place.preference,
        sights: { m1: own },
        reports: Object.fromEntries(
          Object.keys(world.members)
            .filter((one) => one !== id)
            .map((one) => [one, report]),
        ),
        reportedAt: 0,
        commitSaidAt: 0,
        enrolAt: 0,
        absorbed: {},
        enrolled: { mediator: 'm1', generation: 1 },
        ...(proposal === undefined ? {} : { proposal: { ...proposal, since: 0, saidAt: 0, enrolAt: 0 } }),
        ...(saving?.retryAt === undefined ? {} : { saving: { ...saving, retryAt: 0 } }),
      };
      delete (state as { idleSince?: number }).idleSince;
      return [id, { ...member, at: 0, state, serves: 'mirrored' as const }];
    }),
  );
  const packets = world.packets.filter(({ message }) => message.kind !== 'report');
  return { ...place, world: { ...world, members, packets } };
}

function choicesOf({ world, budget }: Place): string[] {
  const list: string[] = [];
  const { packets } = world;
  const ids = Object.keys(world.members);
  for (const to of ids) {
    const mine = packets.filter((packet) => packet.to === to);
    if (mine.length > 0) {
      list.push(`deliver ${to}`);
      if (budget.drops > 0) list.push(`drop ${to}`);
      if (budget.repeats > 0) list.push(`repeat ${to}`);
    }
  }
  const isQuiet = packets.length === 0 && ids.every((id) => world.members[id]?.tasks.every(isProbe) === true);
  for (const id of ids) {
    const member = world.members[id]!;
    if (!member.up) {
      list.push(`restart ${id}`);
      continue;
    }
    for (const [index, task] of member.tasks.entries()) {
      if (!isProbe(task)) list.push(`result ${id} ${String(index)}`);
    }
    if (isQuiet) list.push(`tick ${id}`);
    if (budget.timeouts > 0 && member.state.proposal !== undefined) list.push(`expire ${id}`);
    if (budget.crashes > 0) {
      list.push(`crash ${id}`);
      if (member.tasks.some((task) => task.kind === 'persist')) list.push(`crash-landed ${id}`);
    }
  }
  if (budget.turns > 0) list.push('turn x');
  if (budget.prefers > 0) list.push('prefer x');
  return list;
}

function isProbe(task: { readonly kind: string }): boolean {
  return task.kind === 'probe';
}

function applyTo(place: Place, choice: string, setting: WorldSetting): Place {
  const [verb = '', id = '', index = ''] = choice.split(' ');
  const play = new Play(place.world, setting);
  const { budget } = place;
  const after = (change: Partial<Place> = {}): Place => still({ ...place, world: play.world, ...change });
  const spend = (kind: keyof Budget): Partial<Place> => ({ budget: { ...budget, [kind]: budget[kind] - 1 } });
  const packet = place.world.packets.find(({ to }) => to === id);
  const without = place.world.packets.filter((one) => one !== packet);
  const deliver = (): void => {
    if (packet !== undefined && play.member(id).up)
      play.dispatch(id, { kind: 'peer-message', nodeId: packet.from, message: packet.message });
  };
  switch (verb) {
    case 'deliver':
      play.set({ packets: without });
      deliver();
      return after();
    case 'drop':
      play.set({ packets: without });
      return after(spend('drops'));
    case 'repeat':
      deliver();
      return after(spend('repeats'));
    case 'result':
      play.finish(id, play.take(id, Number(index)));
      return after();
    case 'tick':
    case 'expire':
      play.setMember(id, { at: verb === 'tick' ? 1 : 1_000 });
      play.dispatch(id, { kind: 'tick' });
      return after(verb === 'tick' ? {} : spend('timeouts'));
    case 'crash':
    case 'crash-landed': {
      const persist = play.member(id).tasks.find((task) => task.kind === 'persist');
      const landed = verb === 'crash-landed' && persist?.kind === 'persist' ? { disk: persist.record } : {};
      play.setMember(id, { up: false, tasks: [], ...landed });
      play.set({ packets: place.world.packets.filter(({ to }) => to !== id) });
      return after(spend('crashes'));
    }
    case 'restart': {
      const { incarnation, disk } = play.member(id);
      play.begin(id, incarnation + 1, disk, 0);
      for (const [one, two] of [
        ['a', 'b'],
        ['b', 'a'],
      ] as const)
        play.dispatch(one, { kind: 'peer-connected', nodeId: two });
      play.dispatch(id, { kind: 'in-sync-changed', inSync: ['a', 'b'] });
      return after();
    }
    case 'turn':
      return after({ ...spend('turns'), sight: place.sight === 'down' ? 'reliable' : 'down' });
    default:
      return after({ ...spend('prefers'), preference: place.preference === 'a' ? 'b' : 'a' });
  }
}

export interface Walk {
  readonly splits: boolean;
  /** What was no choice any more when its turn came, and everything after it. */
  readonly left: readonly string[];
  /** What the disks hold in the end. */
  readonly disks: Readonly<Record<string, MediatorFallbackRecord>>;
}

/** One of these orders, choice by choice. `result a` is whatever a waits for first. */
export function walk(budget: Budget, way: readonly string[], options: ExploreOptions = {}): Walk {
  const setting = settingOf(options);
  let place = settleFirst(setting, budget);
  let splits = false;
  let count = 0;
  const disks = (): MediatorFallbackRecord[] => Object.values(place.world.members).map(({ disk }) => disk);
  for (const wish of way) {
    const choice = choicesOf(place).find((one) => one === wish || one.startsWith(`${wish} `));
    if (choice === undefined) break;
    place = applyTo(place, choice, setting);
    splits ||= bothCanGoOn(disks(), options.models ?? fallbackModels);
    count += 1;
  }
  return {
    splits,
    left: way.slice(count),
    disks: Object.fromEntries(disks().map((disk) => [disk.nodeId, disk])),
  };
}
