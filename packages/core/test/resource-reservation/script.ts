import type { TranscriptBlock, TranscriptHandlers } from '@holdfast/testkit';
import type { InventoryMachine, ReservationHost } from '../../src/index.js';
import { whereIsWhat } from './cluster-checks.js';
import { Cluster, type ClusterOptions } from './cluster.js';

interface Given {
  /** Host: [MHz, MiB] and what it offers beside `datastore:gold`. */
  readonly hosts: Readonly<Record<string, readonly [number, number, ...string[]]>>;
  /** Machine: [host, priority, MHz, MiB] and what it needs beside `datastore:gold`. */
  readonly machines: Readonly<
    Record<string, readonly [string, 0 | 1 | 2 | 3 | 4, number, number, ...string[]]>
  >;
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  readonly agent?: ClusterOptions['agent'];
  readonly coordinator?: ClusterOptions['coordinator'];
}

export function hostOf(
  hostId: string,
  cpuMHz: number,
  memoryMiB: number,
  more: readonly string[] = [],
): ReservationHost {
  return {
    hostId,
    cpuMHz,
    memoryMiB,
    condition: 'healthy',
    offers: ['datastore:gold', ...more],
    reportedEpoch: 0,
  };
}

export function machineOf(
  machineId: string,
  hostId: string,
  priority: 0 | 1 | 2 | 3 | 4,
  cpuReservationMHz: number,
  memoryReservationMiB: number,
  more: readonly string[] = [],
  antiAffinityGroups: readonly string[] = [],
): InventoryMachine {
  return {
    machineId,
    hostId,
    power: 'running',
    priority,
    cpuReservationMHz,
    memoryReservationMiB,
    memoryOverheadMiB: 100,
    needs: ['datastore:gold', ...more],
    antiAffinityGroups,
  };
}

/** The verbs of the stories: a cluster, what happens to it, time, and where everything is. */
export function clusterVerbs(policy?: ClusterOptions['policy']): TranscriptHandlers {
  let current: Cluster | undefined;
  const live = (): Cluster => {
    if (current === undefined) throw new TypeError('A story begins with cluster.');
    return current;
  };
  const doing = (run: (cluster: Cluster, words: readonly string[]) => void) => (block: TranscriptBlock) => {
    const cluster = live();
    run(cluster, block.args.split(' '));
    return drain(cluster);
  };
  return {
    cluster: ({ args, input }) => {
      const given = JSON.parse(`${args} ${input}`) as Given;
      const hosts = Object.entries(given.hosts).map(([id, [cpu, memory, ...more]]) =>
        hostOf(id, cpu, memory, more),
      );
      const machines = Object.entries(given.machines).map(([id, [host, priority, cpu, memory, ...more]]) =>
        machineOf(id, host, priority, cpu, memory, more, given.groups?.[id]),
      );
      const { agent = {}, coordinator = {} } = given;
      current = new Cluster({
        hosts,
        machines,
        agent,
        coordinator,
        ...(policy === undefined ? {} : { policy }),
      });
      return drain(current);
    },
    lose: doing((cluster, [hostId = '', component = '', loss = 'all-paths-down']) => {
      const incidentId = `${hostId}-${component}-${String(cluster.now)}`;
      cluster.give(hostId, { kind: 'component-lost', incidentId, component, loss: loss as 'all-paths-down' });
    }),
    restore: doing((cluster, [hostId = '', component = '']) =>
      cluster.give(hostId, { kind: 'component-restored', component }),
    ),
    pass: doing((cluster, [seconds = '']) => cluster.pass(Number(seconds) * 1_000)),
    cut: doing((cluster, [hostId = '']) => cluster.cut.add(hostId)),
    heal: doing((cluster, [hostId = '']) => {
      cluster.cut.delete(hostId);
      const host = cluster.hosts.get(hostId);
      if (host !== undefined) cluster.setHost(host);
    }),
    'kill-host': doing((cluster, [hostId = '']) => cluster.killHost(hostId)),
    'stop-coordinator': doing((cluster) => cluster.stop('coordinator')),
    'elect-coordinator': doing((cluster, [how]) => {
      cluster.startCoordinator(how !== 'without-ledger');
      cluster.setHost([...cluster.hosts.values()][0]!);
    }),
    'restart-agent': doing((cluster, [hostId = '']) => {
      cluster.stop(hostId);
      cluster.startAgent(hostId);
    }),
    'reports-stop': doing((cluster) => (cluster.reported = false)),
    stuck: doing((cluster, [machineId = '']) => cluster.stuck.add(machineId)),
    unstuck: doing((cluster, [machineId = '']) => cluster.stuck.delete(machineId)),
    'refuses-restarts': doing((cluster, [hostId = '']) => cluster.unfit.add(hostId)),
    maintenance: doing((cluster, [hostId = '']) => {
      cluster.setHost({ ...cluster.hosts.get(hostId)!, condition: 'maintenance' });
      cluster.giveCoordinator({ kind: 'inventory-read', inventory: cluster.snapshot() });
    }),
    'power-on': doing((cluster, [machineId = '', hostId = '', cpu = '', memory = '']) => {
      const {
        power: _power,
        hostId: _hostId,
        ...machine
      } = machineOf(machineId, hostId, 2, Number(cpu), Number(memory));
      cluster.giveCoordinator({ kind: 'admission-asked', askId: machineId, hostId, machine });
    }),
    'power-off': doing((cluster, [machineId = '']) => {
      cluster.setMachine({ ...cluster.machines.get(machineId)!, power: 'off' });
      cluster.giveCoordinator({ kind: 'machine-gone', machineId });
    }),
    'repeat-ask': doing((cluster, [which = 'last']) => {
      const ask = cluster.asks.at(which === 'last' ? -1 : Number(which));
      if (ask !== undefined) cluster.giveCoordinator({ kind: 'ask-received', ask });
    }),
    'disk-fails': doing((cluster, [yes = '']) => (cluster.diskFails = yes === 'yes')),
    'give-up': doing((cluster, [hostId = '', incidentId = '']) =>
      cluster.give(hostId, { kind: 'command', commandId: 'c1', command: { kind: 'give-up', incidentId } }),
    ),
    ignored: () => {
      const shown = live().lives.map(({ name, state }) => `${name} ${JSON.stringify(state.ignored)}`);
      return shown.filter((line) => !line.endsWith('{}')).join('\n');
    },
    where: () => whereIsWhat(live()),
  };
}

function drain(cluster: Cluster): string {
  return cluster.lines.splice(0).join('\n');
}
