import { Prng } from '@holdfast/core';
import type { ClientPlan, Fault, Operation, Plan, SiteName, Surroundings } from './plan.js';
import { blocksPerVolume } from './plan.js';

const hosts = ['h1', 'h2'] as const;
const kinds = [
  'kill',
  'kill',
  'kill-at-save',
  'kill-at-disk',
  'power-loss',
  'pause',
  'pause',
  'cut',
  'cut',
  'partition',
  'partition',
  'reset',
  'slow-link',
  'slow-disk',
  'disk-error',
  'slow-store',
  'full-store',
  'step-wall-clock',
  'drift',
  'kill-witness',
  'restore-witness',
  'lose-witness',
  'handover',
  'kill-host',
] as const satisfies readonly Fault['kind'][];

/** Requests of hosts in a short run, at most. */
export const operationsPerRun = 480;
export const faultsPerRun = 18;

/** Draws a run. Every seed has its own set of things that go wrong, so that some meet that would seldom meet if all were equally likely. */
export function drawPlan(seed: number): Plan {
  const random = new Prng(seed);
  const allowed = kinds.filter(() => random.below(5) < 2);
  const palette = allowed.length === 0 ? kinds : allowed;
  const volumes = random.below(4) === 0 ? 2 : 1;
  return {
    version: 1,
    seed,
    surroundings: drawSurroundings(random, volumes),
    clients: drawClients(random, volumes),
    faults: drawFaults(random, palette),
    blackout: random.below(8) === 0,
  };
}

function pick<Item>(random: Prng, items: readonly Item[]): Item {
  const item = items[random.below(items.length)];
  if (item === undefined) throw new TypeError('Nothing to pick from.');
  return item;
}

function drawSurroundings(random: Prng, volumes: number): Surroundings {
  const isBadWeather = random.below(3) === 0;
  return {
    volumes,
    disk: {
      spreadMs: pick(random, [0, 2, 6, 12]),
      tailEvery: pick(random, [0, 0, 50, 200]),
      tailMs: pick(random, [40, 150, 600]),
    },
    link: { latencyMs: pick(random, [0.1, 1, 4]), jitterMs: pick(random, [0, 0.2, 3]) },
    witnessWeather: isBadWeather
      ? { loss: random.below(40) / 100, doubled: random.below(50) / 100, late: random.below(30) / 100 }
      : { loss: 0, doubled: 0, late: 0 },
    saveMs: pick(random, [0, 1, 5, 40]),
    driftPpm: { a: drawDrift(random), b: drawDrift(random), witness: drawDrift(random) },
    readMode: random.below(8) === 0 ? 'confirmed' : 'leased',
    compare: random.below(2) === 0,
  };
}

/** Within what the profile declares: two clocks may differ by its drift together. */
function drawDrift(random: Prng): number {
  return random.below(2) === 0 ? 0 : random.below(9_001) - 4_500;
}

function drawClients(random: Prng, volumes: number): ClientPlan[] {
  const clients = 2 + random.below(5);
  const each = Math.floor(operationsPerRun / clients);
  const thinkMs = pick(random, [20, 40, 80]);
  const reads = 1 + random.below(5);
  return Array.from({ length: clients }, (_, index) => ({
    host: hosts[index % hosts.length] ?? 'h1',
    operations: Array.from({ length: each }, () => drawOperation(random, volumes, thinkMs, reads)),
  }));
}

function drawOperation(random: Prng, volumes: number, thinkMs: number, reads: number): Operation {
  const dice = random.below(12);
  const block = random.below(blocksPerVolume);
  return {
    kind: dice === 11 ? 'flush' : dice < reads ? 'read' : 'write',
    volume: random.below(volumes),
    block,
    count: block % 2 === 0 ? 1 + random.below(2) : 1,
    forceUnitAccess: random.below(8) === 0,
    thinkMs: random.below(thinkMs),
  };
}

function drawFaults(random: Prng, palette: readonly Fault['kind'][]): Fault[] {
  const faults: Fault[] = [];
  const count = 8 + random.below(faultsPerRun - 7);
  let atMs = 0;
  for (let index = 0; index < count; index += 1) {
    // Some come together, some when the last one is long over.
    atMs += random.below(pick(random, [20, 200, 400, 1_000]));
    faults.push(drawFault(random, pick(random, palette), atMs));
  }
  return faults;
}

function drawFault(random: Prng, kind: Fault['kind'], atMs: number): Fault {
  const site: SiteName = random.below(2) === 0 ? 'a' : 'b';
  const device = random.below(3) === 0 ? ('metadata' as const) : ('data' as const);
  const forMs = 10 + random.below(pick(random, [100, 500, 2_000]));
  const downMs = random.below(pick(random, [50, 500, 2_000]));
  const [from, to] = drawLink(random, site);
  switch (kind) {
    case 'kill':
      return { atMs, kind, site, downMs };
    case 'kill-at-save':
      return { atMs, kind, site, skip: random.below(3), phase: pick(random, ['before', 'after']), downMs };
    case 'kill-at-disk':
      return {
        atMs,
        kind,
        site,
        device,
        operation: pick(random, ['write', 'flush']),
        skip: random.below(6),
        downMs,
      };
    case 'power-loss':
      return { atMs, kind, site, keep: pick(random, ['nothing', 'some']), downMs };
    case 'pause':
      return { atMs, kind, site, stops: pick(random, ['none', 'monotonic']), forMs };
    case 'cut':
      return { atMs, kind, from, to, forMs };
    case 'partition':
      return { atMs, kind, one: from, other: to, forMs };
    case 'reset':
      return { atMs, kind, one: from, other: to };
    case 'slow-link':
      return {
        atMs,
        kind,
        from,
        to,
        latencyMs: random.below(120),
        jitterMs: random.below(60),
        forMs,
      };
    case 'slow-disk':
    case 'disk-error':
      return drawDiskFault(random, kind, { atMs, site, device, forMs });
    case 'slow-store':
      return { atMs, kind, site, delayMs: random.below(pick(random, [100, 1_000, 5_000])), forMs };
    case 'full-store':
      return { atMs, kind, site, forMs };
    case 'step-wall-clock':
      return { atMs, kind, site, byMs: (random.below(2) === 0 ? -1 : 1) * random.below(3_600_000) };
    case 'drift':
      return { atMs, kind, site, driftPpm: drawDrift(random) };
    case 'kill-witness':
    case 'restore-witness':
    case 'lose-witness':
      return { atMs, kind, downMs };
    case 'handover':
      return { atMs, kind, site };
    case 'kill-host':
      return { atMs, kind, host: pick(random, hosts) };
  }
}

function drawDiskFault(
  random: Prng,
  kind: 'slow-disk' | 'disk-error',
  where: {
    readonly atMs: number;
    readonly site: SiteName;
    readonly device: 'data' | 'metadata';
    readonly forMs: number;
  },
): Fault {
  const { atMs, site, device, forMs } = where;
  const operation = pick(random, ['read', 'write', 'write', 'flush'] as const);
  if (kind === 'slow-disk') {
    const delayMs = random.below(pick(random, [20, 200, 1_000]));
    return { atMs, kind, site, device, operation, delayMs, forMs };
  }
  const code = pick(random, ['IO_FAILED', 'NO_SPACE'] as const);
  return { atMs, kind, site, device, operation, code, restartAfterMs: 200 + random.below(2_000) };
}

/** Mostly the two nodes; else a node and the witness, or a host and a node. */
function drawLink(random: Prng, site: SiteName): readonly [string, string] {
  const other = pick(random, ['peer', 'peer', 'witness', ...hosts] as const);
  const far = other === 'peer' ? (site === 'a' ? 'b' : 'a') : other;
  return random.below(2) === 0 ? [site, far] : [far, site];
}
