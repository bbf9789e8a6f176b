import type { PolarizationTiming } from '@holdfast/core';
import { join } from 'node:path';
import { stringify } from 'yaml';

export const clusterId = 'holdfast-demo';
export const volumeId = 'vol0';
export const preferred = 'north';
export const other = 'south';
export const nodeIds = [preferred, other] as const;
export type NodeName = (typeof nodeIds)[number];

/** Where everything of one run lies. Socket names are short: the system takes 107 bytes for the whole path. */
export interface DemoLayout {
  readonly folder: string;
  readonly configFile: string;
  readonly linkSocket: string;
  readonly relaySocket: string;
  readonly relayCommands: string;
  readonly hostSocket: string;
  readonly dataFile: (node: string) => string;
  readonly logFile: (name: string) => string;
}

export function layoutIn(folder: string): DemoLayout {
  const at = (name: string): string => join(folder, name);
  return {
    folder,
    configFile: at('holdfast.yaml'),
    linkSocket: at('link.sock'),
    relaySocket: at('relay.sock'),
    relayCommands: at('relay-commands.sock'),
    hostSocket: at('host.sock'),
    dataFile: (node) => at(`${node}.data`),
    logFile: (name) => at(`${name}.log`),
  };
}

/** The configuration that the processes of the demonstration start with: one that anybody could have written. */
export function configText(layout: DemoLayout, legBytes: number, timing: PolarizationTiming): string {
  const node = (name: NodeName) => ({
    role: name === preferred ? 'preferred' : 'nonPreferred',
    store: `./${name}.store`,
    control: `unix:./${name}.control.sock`,
    // The other node reaches the preferred one through the relay.
    peerLink:
      name === preferred ? { listen: `unix:${layout.linkSocket}` } : { dial: `unix:${layout.relaySocket}` },
    paths: `unix:./${name}.paths.sock`,
    legs: {
      [volumeId]: {
        data: `./${name}.data`,
        metadata: `./${name}.metadata`,
        content: 'zeros',
        // Killing this node's process loses what a power cut would lose.
        simulatePowerLoss: name === other,
      },
    },
    tuning: { activityLogExtentBytes: '1MiB' },
  });
  return stringify({
    cluster: clusterId,
    group: 'main',
    timing: { profile: 'lan', ...timing },
    faultModel: 'mediator',
    volumes: { [volumeId]: { size: legBytes } },
    witness: { listen: 'unix:./witness.sock', store: './witness.store' },
    nodes: { [preferred]: node(preferred), [other]: node(other) },
    initiator: { nbd: `unix:${layout.hostSocket}` },
  });
}
