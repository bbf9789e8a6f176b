import { HoldfastError, type TelemetryEvent } from '@holdfast/core';
import { createWitness } from '@holdfast/witness';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { HoldfastConfig } from '../config/index.js';
import type { Life } from './life.js';
import type { SayLine } from './lines.js';
import { witnessTls } from './transports.js';

/** Runs the witness until its life ends. */
export async function runWitness(config: HoldfastConfig, life: Life, say: SayLine): Promise<void> {
  const { witness } = config;
  if (witness?.storeFolder === undefined) {
    throw new HoldfastError(
      'CONFIG_INVALID',
      `${config.file}: witness.store is missing; write the folder in which this witness remembers.`,
    );
  }
  await mkdir(witness.storeFolder, { recursive: true });
  if (witness.address.startsWith('unix:'))
    await mkdir(dirname(witness.address.slice('unix:'.length)), { recursive: true });
  const tls = await witnessTls(witness);
  await using server = await createWitness({
    listen: witness.address,
    store: witness.storeFolder,
    bootTokenFile: witness.bootTokenFile,
    clusterId: config.clusterId,
    insecureLoopback: tls === undefined,
    telemetry: {
      emit: (event) => say({ source: 'witness', kind: event.kind, text: sentence(event), data: { event } }),
    },
    ...(tls === undefined ? {} : { tls }),
  });
  say({ source: 'witness', kind: 'ready', text: `ready at ${server.address}` });
  const reason = await life.ended;
  say({ source: 'witness', kind: 'stopping', text: `stopping in order: ${reason}` });
}

function sentence(event: TelemetryEvent): string {
  const { kind, ...fields } = event;
  const shown = Object.entries(fields).map(
    ([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return [kind, ...shown].join(', ');
}
