import type { TelemetryEvent, WitnessPort } from '@holdfast/core';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as plainRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWitness, type Witness, type WitnessOptions } from '../../src/node/create-witness.js';

/** A folder of its own that is gone when the test is. */
export async function scratch(): Promise<{ readonly path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'witness-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export interface Started extends Witness {
  readonly events: readonly TelemetryEvent[];
  readonly socket: string;
}

export async function startWitness(folder: string, options: Partial<WitnessOptions> = {}): Promise<Started> {
  const events: TelemetryEvent[] = [];
  const socket = join(folder, 'w.sock');
  const witness = await createWitness({
    listen: `unix:${socket}`,
    store: join(folder, 'store'),
    bootTokenFile: join(folder, 'boot-token'),
    telemetry: { emit: (event) => void events.push(event) },
    ...options,
  });
  return { ...witness, events, socket };
}

export const members = ['P', 'N'];

export function claim(incarnation: string, nodeId: string, epoch: number, groupId = 'g') {
  return {
    groupId,
    nodeId,
    claimId: `${nodeId}-${epoch}`,
    incarnation,
    epoch,
    lineageId: `${nodeId}${epoch}`,
  };
}

export async function registerBoth(port: WitnessPort, incarnation: string, groupId = 'g'): Promise<void> {
  for (const nodeId of members) {
    const word = { ...claim(incarnation, nodeId, 1, groupId), lineageId: 'a', members };
    const answer = await port.register(word);
    if (answer.kind !== 'granted') throw new Error(`${nodeId} was not registered: ${JSON.stringify(answer)}`);
  }
}

export interface RawResponse {
  readonly status: number;
  readonly body: {
    readonly kind?: string;
    readonly error?: { code: string; message: string; field?: string };
  };
}

/** A request by hand, as a stranger would send it. */
export async function rawRequest(
  where: { readonly socketPath: string } | { readonly host: string; readonly port: number },
  method: string,
  path: string,
  body?: string,
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const request = plainRequest({ ...where, method, path, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as RawResponse['body'] });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}
