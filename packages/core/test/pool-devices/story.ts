import type { TranscriptBlock, TranscriptHandlers } from '@holdfast/testkit';
import { poolDevicesStatus, type PoolDevicesRef, type PoolDevicesRequest } from '../../src/index.js';
import { Bench, type BenchOptions, type Fault } from './bench.js';
import { addUnit, brokenIn, deviceOf, emptyLab, join, poolOf, removeVdev, type Lab } from './lab.js';

const MIB = 1024 * 1024;

/** Words `name=value` of a line, and those without a value. */
function wordsOf(text: string): {
  readonly bare: readonly string[];
  readonly of: (name: string) => string | undefined;
} {
  const words = text.split(' ').filter((word) => word !== '');
  const bare = words.filter((word) => !word.includes('='));
  return { bare, of: (name) => words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) };
}

const list = (text: string | undefined): string[] => (text === undefined ? [] : text.split(','));

function refOf(text: string | undefined): PoolDevicesRef {
  const [appliance = '', pool = ''] = (text ?? '').split('/');
  return { appliance, pool };
}

/** A lab from lines: `appliances A B`, `device L1 chassis=0 slot=20`, `pool pA on=A log=L1+L2,L3 cache=C1`. */
export function labFrom(text: string): Lab {
  const lab = emptyLab([]);
  for (const line of text.split('\n')) {
    const [what = '', ...rest] = line.split(' ');
    const { bare, of } = wordsOf(rest.join(' '));
    if (what === 'appliances') lab.appliances = [...bare];
    if (what === 'device') {
      const spareOf = of('spare');
      lab.devices.push({
        id: bare[0] ?? '',
        chassis: of('chassis') ?? '0',
        slot: Number(of('slot') ?? 20),
        place: of('place') === 'controller' ? 'controller' : 'shelf',
        sizeBytes: Number(of('mib') ?? 128) * MIB,
        sectorSizeBytes: Number(of('sector') ?? 4096),
        label: { kind: 'none' },
        seenBy: of('seen') === undefined ? [...lab.appliances] : list(of('seen')),
        ...(spareOf === undefined ? {} : { spareOf }),
      });
    }
    if (what === 'pool') addPool(lab, bare[0] ?? '', of);
  }
  return lab;
}

function addPool(lab: Lab, name: string, of: (name: string) => string | undefined): void {
  const on = of('on') ?? '';
  lab.pools.push({
    name,
    guid: `guid-${name}`,
    importedAt: on === '' ? [] : [on],
    state: 'online',
    hasCheckpoint: false,
    activity: 'none',
    sectorSizeBytes: 4096,
    isLatencySensitive: of('latency') === 'yes',
    logs: [],
    caches: [],
    nextMirror: 0,
  });
  const pool = poolOf(lab, name);
  for (const unit of list(of('log'))) {
    const legs = unit.split('+').map((id) => join(lab, pool, 'log', id));
    pool.logs.push(legs.length > 1 ? { mirror: (pool.nextMirror += 1), legs } : { legs });
  }
  for (const id of list(of('cache'))) pool.caches.push(join(lab, pool, 'cache', id));
  if (on === '' || of('registry') === 'no') return;
  const owner = { appliance: on, pool: name };
  lab.owners[`pool:${pool.guid}`] = owner;
  for (const { id } of [...pool.caches, ...pool.logs.flatMap(({ legs }) => legs)])
    lab.owners[`device:${id}`] = owner;
}

/** `remove from=A/pA devices=L1` and so on. */
export function requestFrom(text: string): PoolDevicesRequest {
  const { bare, of } = wordsOf(text);
  const consentList = list(of('consents')) as NonNullable<PoolDevicesRequest['consents']>;
  const consents = consentList.length === 0 ? {} : { consents: consentList };
  const counts = list(of('counts')).map((count) => {
    const [chassis = '', kind = '', number = ''] = count.split(':');
    return { chassis, kind: kind === 'log' ? 'log' : 'cache', count: Number(number) } as const;
  });
  const selection =
    of('counts') === undefined
      ? ({ kind: 'devices', devices: list(of('devices')) } as const)
      : ({ kind: 'counts', counts } as const);
  const layout = of('log-layout') as 'striped' | 'mirrored' | 'raidz' | undefined;
  const cacheLayout = of('cache-layout') as 'striped' | 'mirrored' | undefined;
  const acrossChassis = bare.includes('across-chassis');
  const profile =
    layout === undefined && cacheLayout === undefined && !acrossChassis
      ? {}
      : {
          profile: {
            ...(layout === undefined ? {} : { log: layout }),
            ...(cacheLayout === undefined ? {} : { cache: cacheLayout }),
            acrossChassis,
          },
        };
  switch (bare[0]) {
    case 'remove':
      return { kind: 'remove', from: refOf(of('from')), selection, ...consents };
    case 'move':
      return {
        kind: 'move',
        from: refOf(of('from')),
        to: refOf(of('to')),
        selection,
        ...profile,
        ...consents,
      };
    case 'add': {
      const [logs, caches] = [list(of('logs')), list(of('caches'))];
      return { kind: 'add', to: refOf(of('to')), logs, caches, ...profile, ...consents };
    }
    case 'detach':
      return { kind: 'detach', from: refOf(of('from')), device: of('device') ?? '', ...consents };
    case 'import':
      return { kind: 'import', at: refOf(of('at')), ...consents };
    default:
      throw new TypeError(`There is no request '${text}'.`);
  }
}

function faultFrom(text: string): Fault {
  const [kind = '', word = '', ...rest] = text.split(' ');
  switch (kind) {
    case 'refuse': {
      const retryable = rest[0] === 'retryable';
      const detail = (retryable ? rest.slice(1) : rest).join(' ');
      const code = word as 'unknown';
      return { kind, refusal: { code, retryable, detail } };
    }
    case 'unknown':
    case 'crash':
      return { kind, applied: word === 'applied' };
    case 'slow':
      return { kind, forMs: Number(word) };
    default:
      throw new TypeError(`There is no fault '${text}'.`);
  }
}

/** Pools, labels and registry as an operator would list them. */
export function show(lab: Lab): string {
  const lines: string[] = [];
  for (const { name, importedAt, logs, caches } of lab.pools) {
    const units = logs.map(({ legs }) => legs.map(({ id }) => id).join('+'));
    const where = importedAt.length === 0 ? 'not imported' : `on ${importedAt.join(' and ')}`;
    const members = `logs ${units.join(', ') || 'none'}; cache ${caches.map(({ id }) => id).join(', ') || 'none'}`;
    lines.push(`${name} ${where}: ${members}`);
  }
  for (const { id, label, seenBy } of lab.devices) {
    const text =
      label.kind === 'pool' ? `pool ${label.pool} txg ${String(label.txg)}` : `${label.kind} label`;
    const owner = lab.owners[`device:${id}`];
    const claim = lab.claims[`device:${id}`];
    const registry = `${owner === undefined ? 'nobody' : `${owner.appliance}/${owner.pool}`}${claim === undefined ? '' : `, claimed by ${claim}`}`;
    lines.push(`${id}: ${text}; registry: ${registry}${seenBy.length === 0 ? '; not there' : ''}`);
  }
  return lines.join('\n');
}

/** Verbs of the stories in testdata; how they read stands in the policy's README. */
export function storyHandlers(
  settings: BenchOptions = {},
  onBench: (bench: Bench) => void = () => undefined,
): TranscriptHandlers {
  let bench = new Bench(emptyLab(['A']));
  let told = 0;
  const fresh = (): string => {
    const lines = bench.lines.slice(told);
    told = bench.lines.length;
    return lines.join('\n');
  };
  const watched = (): void => {
    const broken = brokenIn(bench.lab);
    if (broken !== undefined) throw new TypeError(broken);
  };
  const quiet =
    (change: (words: readonly string[], block: TranscriptBlock) => void) =>
    (block: TranscriptBlock): string => {
      change(block.args.split(' '), block);
      return fresh();
    };
  return {
    lab: (block) => {
      const options = block.args === '' ? {} : (JSON.parse(block.args) as object);
      bench = new Bench(labFrom(block.input), { ...settings, options: { ...settings.options, ...options } });
      told = 0;
      bench.watch = watched;
      bench.start();
      onBench(bench);
      return fresh();
    },
    ask: ({ args }) => {
      const [requestId = '', ...rest] = args.split(' ');
      bench.dispatch({ kind: 'requested', requestId, request: requestFrom(rest.join(' ')) });
      bench.run(0);
      return fresh();
    },
    cancel: ({ args }) => {
      bench.dispatch({ kind: 'cancelled', requestId: args });
      return fresh();
    },
    run: ({ args }) => {
      bench.run(args === '' ? undefined : Number(args));
      return fresh();
    },
    fault: quiet(([command = '', ...fault]) => {
      bench.faults.push({ command: command as 'add-unit', fault: faultFrom(fault.join(' ')) });
    }),
    crash: quiet(() => {
      bench.crash();
    }),
    restart: quiet(() => {
      bench.start();
    }),
    'full-disk': quiet(([times = '1']) => {
      bench.failingPersists = Number(times);
    }),
    pull: quiet(([id = '']) => {
      deviceOf(bench.lab, id).seenBy = [];
    }),
    insert: quiet(([id = '', ...appliances]) => {
      deviceOf(bench.lab, id).seenBy = appliances.length === 0 ? [...bench.lab.appliances] : [...appliances];
    }),
    wipe: quiet(([id = '']) => {
      deviceOf(bench.lab, id).label = { kind: 'none' };
    }),
    silence: quiet((names) => {
      bench.lab.silent.push(...names);
    }),
    wake: quiet((names) => {
      bench.lab.silent = bench.lab.silent.filter((name) => !names.includes(name));
    }),
    registry: quiet(([word]) => {
      bench.registryAway = word === 'away';
    }),
    pool: quiet(([name = '', change = '', value = '']) => {
      const pool = poolOf(bench.lab, name);
      if (change === 'state') pool.state = value as 'online';
      if (change === 'activity') pool.activity = value as 'none';
      if (change === 'checkpoint') pool.hasCheckpoint = value === 'yes';
      if (change === 'lost' || change === 'exported') pool.importedAt = [];
    }),
    /** Somebody types at the appliance, past Holdfast. */
    raw: ({ args }) => {
      const [appliance = '', command = '', pool = '', kind = '', ...devices] = args.split(' ');
      const at = { appliance, pool };
      // Whatever comes of it is not of the policy's making.
      bench.watch = () => undefined;
      const refusal =
        command === 'remove'
          ? removeVdev(bench.lab, at, kind)
          : addUnit(bench.lab, at, {
              kind: kind === 'log' ? 'log' : 'cache',
              layout: devices.length > 1 ? 'mirrored' : 'striped',
              devices,
              vdevGuids: [],
              absentLegs: [],
              how: 'whole',
            });
      return refusal === undefined ? 'rc=0' : `${refusal.code}: ${refusal.detail}`;
    },
    show: () => show(bench.lab),
    jobs: () =>
      bench.state === undefined
        ? ''
        : poolDevicesStatus(bench.state)
            .map(({ jobId, job, doing, outcome, command, donePercent, waitsFor }) =>
              [
                `${jobId} (${job}): ${outcome ?? doing}`,
                command === undefined ? '' : `; ${command}, ${String(donePercent)} %`,
                waitsFor === undefined ? '' : `; ${waitsFor}`,
              ].join(''),
            )
            .join('\n'),
  };
}
