import { visibleDifference } from './legs.js';
import { inject } from './inject.js';
import { blocksPerVolume, type Fault, type Operation, type Plan } from './plan.js';
import { registersOf } from './history.js';
import { fingerprintOf } from './fingerprint.js';
import { World } from './world.js';

export interface Violation {
  /** The promise that was broken, in the same words every time. */
  readonly rule: string;
  readonly detail: string;
}

export interface Outcome {
  readonly violation: Violation | undefined;
  /** What an operator has to decide before this pair serves again; undefined when it serves. */
  readonly waitsForOperator: string | undefined;
  /** Requests that hosts made, and that were answered. */
  readonly operations: number;
  readonly answered: number;
  readonly faults: number;
  /** Those that struck something on the way of requests while a host waited for an answer. */
  readonly hits: number;
  readonly simulatedMs: number;
  /** From the end of all faults until nothing waited and until both mirrored, in milliseconds; undefined if it was not reached. */
  readonly servedAfterMs: number | undefined;
  readonly mirroredAfterMs: number | undefined;
  /** Of everything that could be seen. Two runs of one plan have the same. */
  readonly fingerprint: string;
  /** What happened, for people. */
  readonly story: readonly string[];
}

/** A healed pair serves again within this time, and mirrors again within the other, in milliseconds. */
export const servesAgainMs = 20_000;
export const mirrorsAgainMs = 60_000;

/** Carries out a plan. The same plan gives the same outcome, bit for bit. */
export async function simulate(plan: Plan): Promise<Outcome> {
  const world = new World(plan);
  try {
    return await runIn(world);
  } finally {
    await world.close();
  }
}

async function runIn(world: World): Promise<Outcome> {
  const { plan, clock, history } = world;
  world.witness.start();
  for (const site of world.sites) site.start();
  await reach(world, () => world.bothMirror, mirrorsAgainMs);
  if (!world.bothMirror) world.violated('a new pair mirrors', world.sites.map(({ mode }) => mode).join(', '));
  await clock.advance(500);
  world.witness.takeBackup();
  let isOver = false;
  const clients = plan.clients.map((client, index) =>
    world.hostSite(client.host).play(client, `client ${String(index)}`, () => isOver),
  );
  const faults = await injectAll(world);
  isOver = true;
  if (plan.blackout) await blackOut(world);
  const healed = await healAndServe(world, Promise.all(clients));
  if (healed.waitsForOperator === undefined && world.violations.length === 0) await judge(world);
  else judgeHistory(world);
  const [violation] = world.violations;
  const trail = `${world.trail.join('\n')}\n${history.text()}`;
  return {
    violation,
    operations: history.begun,
    answered: history.answered,
    faults,
    hits: world.hits,
    simulatedMs: clock.now(),
    ...healed,
    fingerprint: fingerprintOf(trail),
    story: world.story,
  };
}

/** @returns how many faults there was something for. */
async function injectAll(world: World): Promise<number> {
  const { clock, plan } = world;
  const from = clock.now();
  let done = 0;
  for (const fault of plan.faults) {
    await clock.advance(Math.max(0, from + fault.atMs - clock.now()));
    if (world.violations.length > 0) break;
    if (fault.kind === 'kill-host' && !world.hasHost(fault.host)) continue;
    const waiting = world.history.inFlight;
    world.note(tell(fault));
    if (!inject(world, fault)) continue;
    done += 1;
    if (waiting > 0 && isOnTheWay(fault)) world.hits += 1;
  }
  await clock.advance(200);
  return done;
}

/**
 * Whether it happens to something that a request of a host needs, now. Those that lie in wait strike later, or not at all, and say so then; a
 * lost witness, a full store or a clock that is set disturbs no request by itself.
 */
function isOnTheWay(fault: Fault): boolean {
  switch (fault.kind) {
    case 'cut':
    case 'slow-link':
      return fault.from !== 'witness' && fault.to !== 'witness';
    case 'partition':
    case 'reset':
      return fault.one !== 'witness' && fault.other !== 'witness';
    case 'kill':
    case 'power-loss':
    case 'pause':
    case 'slow-disk':
    case 'handover':
    case 'kill-host':
      return true;
    default:
      return false;
  }
}

function tell({ atMs: _, ...fault }: Fault): string {
  return JSON.stringify(fault).replaceAll('"', '');
}

/** Both sites and every host at once. Only a pair that mirrors: otherwise the one that was behind would be asked for what it never had. */
async function blackOut(world: World): Promise<void> {
  world.heal();
  await reach(world, () => world.bothMirror, mirrorsAgainMs);
  if (!world.mayLosePower()) return;
  world.note('blackout');
  for (const name of new Set(world.plan.clients.map(({ host }) => host))) world.hostSite(name).restart();
  for (const site of world.sites) site.losePower('some');
  world.blackedOut = true;
  await world.clock.advance(300);
}

type Healed = Pick<Outcome, 'servedAfterMs' | 'mirroredAfterMs' | 'waitsForOperator'>;

async function healAndServe(world: World, clients: Promise<unknown>): Promise<Healed> {
  const { clock, history } = world;
  if (world.bothMirror) world.bothAreWhole();
  world.note('everything is healed');
  world.heal();
  const healedAt = clock.now();
  let settled = false;
  void clients.then(() => (settled = true));
  const served = await reach(world, () => settled, servesAgainMs);
  const servedAfterMs = served ? clock.now() - healedAt : undefined;
  const mirrored = served && (await reach(world, () => world.bothMirror, mirrorsAgainMs));
  const mirroredAfterMs = mirrored ? clock.now() - healedAt : undefined;
  const waitsForOperator = mirrored ? undefined : world.waitsForOperator;
  if (waitsForOperator === undefined && !served) {
    const waiting = `${String(history.inFlight)} requests wait after ${String(servesAgainMs)} ms`;
    world.violated('a healed pair serves again in bounded time', waiting);
  } else if (waitsForOperator === undefined && !mirrored) {
    const modes = world.sites.map(({ mode }) => mode).join(', ');
    world.violated('a healed pair mirrors again in bounded time', modes);
  }
  return { servedAfterMs, mirroredAfterMs, waitsForOperator };
}

function judgeHistory(world: World): void {
  const found = world.history.contradiction();
  if (found !== undefined) world.violated('every block is one register', found);
}

async function judge(world: World): Promise<void> {
  const { history } = world;
  if (world.blackedOut) judgeHistory(world);
  if (world.blackedOut)
    history.onRead((operation, values) => {
      judgeAfterBlackout(world, operation, values);
    });
  let settled = false;
  void readEverything(world).then(() => (settled = true));
  if (!(await reach(world, () => settled, servesAgainMs))) {
    world.violated('a healed pair serves again in bounded time', 'the blocks cannot be read at the end');
    return;
  }
  if (!world.blackedOut) judgeHistory(world);
  const difference = visibleDifference(world.sites);
  if (difference !== undefined) world.violated('the legs converge', difference);
  for (const { disks, name } of world.sites)
    for (const { data } of disks)
      if (data.overlappingWrites > 0) world.violated('overlapping writes are never both at one leg', name);
}

/** Every host reads every block once more. */
async function readEverything(world: World): Promise<void> {
  const { plan } = world;
  for (const host of new Set(plan.clients.map((client) => client.host)))
    for (let volume = 0; volume < plan.surroundings.volumes; volume += 1)
      for (let block = 0; block < blocksPerVolume; block += 1) {
        const operation: Operation = {
          kind: 'read',
          volume,
          block,
          count: 1,
          forceUnitAccess: false,
          thinkMs: 0,
        };
        await world.hostSite(host).perform(operation, `the end at ${host}`);
      }
}

function judgeAfterBlackout(world: World, operation: Operation, values: readonly number[]): void {
  registersOf(operation).forEach((register, index) => {
    const allowed = world.history.mayHoldAfterBlackout(register);
    const value = values[index] ?? 0;
    if (!allowed.has(value))
      world.violated(
        'what was flushed survives the loss of both sites',
        `register ${String(register)} holds ${String(value)}, allowed are ${[...allowed].join(', ')}`,
      );
  });
}

/** Moves time until something is so. @returns whether it came to be. */
async function reach(world: World, reached: () => boolean, limitMs: number): Promise<boolean> {
  const { clock } = world;
  const until = clock.now() + limitMs;
  while (!reached() && clock.now() < until && world.violations.length === 0) await clock.advance(5);
  return reached();
}
