import { HoldfastError } from '@holdfast/core';
import { createNbdServer } from '@holdfast/nbd';
import { systemClock, systemRandom } from '@holdfast/runtime';
import { createInitiator } from '@holdfast/volume';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { HoldfastConfig } from '../config/index.js';
import { Closing } from './closing.js';
import type { Life } from './life.js';
import type { SayLine } from './lines.js';
import { refusalLines } from './refusals.js';
import { initiatorSentence } from './sentences.js';
import { watchStandstill } from './standstill.js';
import { nbdSecurity } from './nbd-security.js';
import { transportFor } from './transports.js';

/** Runs the host's side until its life ends: one NBD socket over the paths to both nodes. */
export async function runInitiator(config: HoldfastConfig, life: Life, say: SayLine): Promise<void> {
  const settings = config.initiator;
  if (settings === undefined) {
    throw new HoldfastError(
      'CONFIG_INVALID',
      `${config.file}: initiator is missing; write initiator: { nbd: ADDRESS }.`,
    );
  }
  await using closing = new Closing();
  closing.defer(
    watchStandstill(25, ({ untilMs, lengthMs }) =>
      say({
        source: 'initiator',
        kind: 'standstill',
        text: `this process stood still for ${Math.round(lengthMs)} ms`,
        data: { untilMs, lengthMs },
      }),
    ),
  );
  const paths = config.nodes.map(({ nodeId, paths: { address } }) => ({ nodeId, address }));
  const initiator = closing.use(
    await createInitiator({
      clusterId: config.clusterId,
      groupId: config.groupId,
      paths,
      clock: systemClock(),
      random: systemRandom(),
      transport: await transportFor(config.nodes.map((node) => node.paths)),
      ...(settings.initiatorId === undefined ? {} : { initiatorId: settings.initiatorId }),
      ...(settings.onNoSurvivor === undefined ? {} : { onNoSurvivor: settings.onNoSurvivor }),
    }),
  );
  closing.defer(
    initiator.subscribe((event) =>
      say({ source: 'initiator', kind: event.kind, text: initiatorSentence(event), data: { event } }),
    ),
  );
  const refused = refusalLines('initiator', say);
  const { listen, ...security } = await nbdSecurity(settings.nbd, refused);
  const exports = initiator.volumes.map(({ volumeId }) => initiator.exportOf(volumeId));
  const server = closing.use(createNbdServer({ exports, ...security }));
  const { address } = settings.nbd;
  if (address.startsWith('unix:')) await mkdir(dirname(address.slice('unix:'.length)), { recursive: true });
  await server.listen(listen);
  say({
    source: 'initiator',
    kind: 'ready',
    text: `ready: ${initiator.volumes.map(({ volumeId }) => volumeId).join(', ')} at ${address}`,
  });
  const reason = await life.ended;
  say({ source: 'initiator', kind: 'stopping', text: `stopping in order: ${reason}` });
}
