import type { Address, CallOptions, Telemetry, WitnessAnswer, WitnessPort } from '@holdfast/core';
import { HoldfastError, noTelemetry } from '@holdfast/core';
import { Agent as PlainAgent, type ClientRequest, request as plainRequest } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { clusterHeader, groupPath } from '../http/api.js';
import { parseAnswer } from '../http/wire-answer.js';
import {
  type Ask,
  unreachableBecause,
  witnessOperator,
  type WitnessOperator,
  witnessPort,
} from '../service/port.js';
import type { WitnessRequest } from '../service/request.js';
import { checkPlainText, parseAddress, type Place } from './address.js';
import { checkWitnessIdentity, secureOptions, type WitnessTls } from './tls.js';

export interface WitnessClientOptions {
  /** `unix:/path` or `tcp:host:port`. */
  readonly address: Address;
  /** Required on TCP: this node's certificate, with the name `holdfast://{clusterId}/node/{nodeId}`. */
  readonly tls?: WitnessTls;
  readonly insecureLoopback?: boolean;
  /** The same as the witness has; required with TLS. */
  readonly clusterId?: string;
  readonly bearerToken?: string;
  /** How long one call may take. Default 1,000. A shorter `deadlineMs` of the call counts. */
  readonly witnessCallTimeoutMs?: number;
  /** Gets `witness-call-failed` with the detail of every `unreachable`. */
  readonly telemetry?: Telemetry;
}

/** A witness somewhere else. No call throws for what the witness answers, or for its silence. */
export interface WitnessClient extends WitnessPort {
  /** Lets go of the connections; calls under way end `unreachable`. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface WitnessOperatorClient extends WitnessOperator, Pick<WitnessPort, 'status'> {
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * An abort or a deadline gives up waiting and closes that connection; a claim that was sent may still be decided. Repeat it.
 * A `register` without an incarnation is two calls: the first asks the witness which one it has.
 * @throws HoldfastError CONFIG_INVALID
 */
export function createWitnessClient(options: WitnessClientOptions): WitnessClient {
  const http = new WitnessHttp(options);
  return { ...witnessPort(http.ask), [Symbol.asyncDispose]: () => http.close() };
}

/** The operator's requests, at the address of the admin surface. @throws HoldfastError CONFIG_INVALID */
export function createWitnessOperator(options: WitnessClientOptions): WitnessOperatorClient {
  const http = new WitnessHttp(options);
  const port = witnessPort(http.ask);
  const status: WitnessPort['status'] = (groupId, callOptions) => port.status(groupId, callOptions);
  return { ...witnessOperator(http.ask), status, [Symbol.asyncDispose]: () => http.close() };
}

/** A response longer than this is not from a witness. */
const responseBytesMax = 64 * 1024;

class WitnessHttp {
  private readonly place: Place;
  private readonly agent: PlainAgent | SecureAgent;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly telemetry: Telemetry;
  private readonly open = new Set<ClientRequest>();
  private closed = false;

  constructor(private readonly options: WitnessClientOptions) {
    const { address, tls, clusterId, bearerToken } = options;
    this.place = parseAddress(address);
    checkPlainText(address, this.place, tls !== undefined, options.insecureLoopback === true);
    // A witness answers in milliseconds, so a few connections carry many groups; the last one used is the least likely to be stale.
    const pool = { keepAlive: true, maxSockets: 16, maxFreeSockets: 4, scheduling: 'lifo' as const };
    if (tls === undefined) {
      this.agent = new PlainAgent(pool);
    } else {
      if (clusterId === undefined) {
        throw new HoldfastError(
          'CONFIG_INVALID',
          'With tls, clusterId says whose witness counts. Give clusterId.',
        );
      }
      this.agent = new SecureAgent({
        ...pool,
        ...secureOptions(tls),
        // A resumed session would skip the check below.
        maxCachedSessions: 0,
        checkServerIdentity: checkWitnessIdentity(clusterId),
      });
    }
    this.headers = {
      ...(clusterId === undefined ? {} : { [clusterHeader]: clusterId }),
      ...(bearerToken === undefined ? {} : { authorization: `Bearer ${bearerToken}` }),
    };
    this.telemetry = options.telemetry ?? noTelemetry;
  }

  readonly ask: Ask = async (request, options) => {
    const answer = await this.attempt(request, options).catch(unreachableBecause);
    if (answer.kind === 'unreachable') {
      this.telemetry.emit({ kind: 'witness-call-failed', request: request.kind, detail: answer.detail });
    }
    return answer;
  };

  async close(): Promise<void> {
    this.closed = true;
    for (const request of this.open) request.destroy(new Error('The witness client was closed.'));
    this.agent.destroy();
  }

  private async attempt(
    request: WitnessRequest,
    { signal, deadlineMs }: CallOptions,
  ): Promise<WitnessAnswer> {
    if (this.closed) throw new Error('The witness client is closed.');
    if (signal?.aborted === true) throw new Error('The call was aborted.');
    const limitMs = Math.min(deadlineMs ?? Infinity, this.options.witnessCallTimeoutMs ?? 1_000);
    let current: ClientRequest | undefined;
    const stop = (why: string): void => void current?.destroy(new Error(why));
    const timer = setTimeout(() => stop(`The witness did not answer within ${limitMs} ms.`), limitMs);
    const aborted = (): void => stop('The call was aborted.');
    signal?.addEventListener('abort', aborted);
    try {
      const started = (sent: ClientRequest): void => void (current = sent);
      return await this.send(request, started).catch((error: unknown) => {
        // A kept connection may have been closed by the other side just now: that says nothing of the witness.
        if (!(error instanceof StaleConnection)) throw error;
        return this.send(request, started);
      });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
    }
  }

  private async send(
    request: WitnessRequest,
    started: (sent: ClientRequest) => void,
  ): Promise<WitnessAnswer> {
    const { kind, groupId, ...fields } = request;
    const body = kind === 'status' ? undefined : new TextEncoder().encode(JSON.stringify(fields));
    const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const place = this.place.kind === 'unix' ? { socketPath: this.place.path } : this.place;
      const make = this.options.tls === undefined ? plainRequest : secureRequest;
      const sent = make({
        ...('socketPath' in place ? place : { host: place.host, port: place.port }),
        agent: this.agent,
        method: body === undefined ? 'GET' : 'POST',
        path: groupPath(groupId, kind),
        headers: {
          ...this.headers,
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': String(body.length) }),
        },
      });
      started(sent);
      this.open.add(sent);
      sent.once('close', () => this.open.delete(sent));
      sent.once('error', (error: Error & { readonly code?: string }) => {
        const isStale = sent.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        reject(isStale ? new StaleConnection(error.message) : error);
      });
      sent.once('response', (response) => {
        const chunks: Uint8Array[] = [];
        let lengthBytes = 0;
        response.on('data', (chunk: Uint8Array) => {
          lengthBytes += chunk.length;
          if (lengthBytes > responseBytesMax)
            sent.destroy(new Error('The answer is too long for a witness.'));
          else chunks.push(chunk);
        });
        response.once('error', reject);
        response.once('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            text: new TextDecoder().decode(join(chunks, lengthBytes)),
          });
        });
        response.once('close', () =>
          reject(new Error('The connection broke before the answer was complete.')),
        );
      });
      sent.end(body);
    });
    return answerIn(status, text);
  }
}

class StaleConnection extends Error {}

function answerIn(status: number, text: string): WitnessAnswer {
  const body = parsed(text);
  const answer = status === 200 ? parseAnswer(body) : undefined;
  if (answer !== undefined) return answer;
  const error: unknown =
    typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined;
  const said =
    typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string'
      ? error.message
      : 'with nothing that a witness would say';
  return { kind: 'unreachable', detail: `Answered ${status}: ${said}` };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function join(chunks: readonly Uint8Array[], lengthBytes: number): Uint8Array {
  const all = new Uint8Array(lengthBytes);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}
