import {
  type Address,
  HoldfastError,
  noTelemetry,
  type Random,
  type Store,
  type Telemetry,
} from '@holdfast/core';
import { resolve, sep } from 'node:path';
import { RequestError } from '../http/api.js';
import { createApp } from '../http/app.js';
import { type RateLimit, RateLimiter } from '../http/rate-limit.js';
import type { ServedAnswer } from '../service/decide.js';
import type { MemoryVerdict } from '../service/proof.js';
import type { WitnessRequest } from '../service/request.js';
import { WitnessService } from '../service/witness-service.js';
import { openBootTokenFile } from './boot-token-file.js';
import { openLevelStore } from './level-store.js';
import {
  callerOf,
  checkSurface,
  type ConnectionLimits,
  openSurface,
  type Surface,
  type SurfaceBindings,
  type SurfaceOptions,
} from './surface.js';
import { type LimitClock, systemLimitClock, systemRandom } from './system.js';
import type { WitnessTls } from './tls.js';

/** Bounds on what callers can make the witness hold. Each has a default that suits some hundred groups. */
export interface WitnessLimits extends ConnectionLimits {
  /** Connections on one surface; a further one takes the place of the longest idle. Default 512. */
  readonly connectionsMax: number;
  /** To read a request, and to answer it. Default 5,000. */
  readonly requestDeadlineMs: number;
  /** To prove who one is. Default 5,000. */
  readonly handshakeDeadlineMs: number;
  /** A connection without requests is closed after this. Default 60,000. */
  readonly idleConnectionMs: number;
  /** Default 16 KiB. */
  readonly bodyBytesMax: number;
  /** Per caller. Default: 4,000 at once, 1,000 a second. */
  readonly rate: RateLimit;
  /** Default 1,024. */
  readonly groupsMax: number;
}

export interface WitnessOptions extends SurfaceOptions {
  /** A folder of its own for LevelDB, or any store. A store that is given is closed by the witness. */
  readonly store: string | Store;
  /** A file outside the store, and outside whatever puts the store back: it is how an old copy is found out. */
  readonly bootTokenFile: string;
  /** Required with TLS; when given, requests of any other cluster are refused before anything else. */
  readonly clusterId?: string;
  /** Where operators ask. Without it there are no operator's requests. */
  readonly admin?: SurfaceOptions;
  readonly limits?: Partial<WitnessLimits>;
  readonly clock?: LimitClock;
  readonly random?: Random;
  /** Gets `WitnessEvent`s. */
  readonly telemetry?: Telemetry;
}

export interface WitnessHealth {
  readonly [field: string]: unknown;
  /** False: the store has failed, nothing is answered until a new start. */
  readonly ok: boolean;
  readonly incarnation: string;
  readonly memory: MemoryVerdict;
  readonly groups: number;
}

export interface Witness {
  /** Where members ask; a port of 0 has become the real one. */
  readonly address: Address;
  readonly adminAddress?: Address;
  readonly incarnation: string;
  /** Anything but `new` and `continued`: all groups are in quarantine. */
  readonly memory: MemoryVerdict;
  health(): WitnessHealth;
  /** New handshakes use this certificate; nobody is disconnected. */
  renewCertificate(tls: WitnessTls): void;
  /** Answers what has been asked, then closes everything. */
  [Symbol.asyncDispose](): Promise<void>;
}

const defaultLimits: WitnessLimits = {
  connectionsMax: 512,
  requestDeadlineMs: 5_000,
  handshakeDeadlineMs: 5_000,
  idleConnectionMs: 60_000,
  bodyBytesMax: 16 * 1024,
  rate: { burst: 4_000, perSecond: 1_000 },
  groupsMax: 1_024,
};

/**
 * Starts a witness and resolves when it answers.
 * @throws HoldfastError CONFIG_INVALID, ALREADY_OPEN, CORRUPT, NOT_SUPPORTED, IO_FAILED, NO_SPACE. Nothing stays open then.
 */
export async function createWitness(options: WitnessOptions): Promise<Witness> {
  const limits = { ...defaultLimits, ...options.limits };
  const { admin, clusterId, telemetry = noTelemetry, clock = systemLimitClock() } = options;
  const place = checkSurface(options, clusterId);
  const adminPlace = admin === undefined ? undefined : checkSurface(admin, clusterId);
  checkTokenPlace(options);

  const service = await openService(options, limits, telemetry);
  const health = (): WitnessHealth => ({
    ok: service.failed === undefined,
    incarnation: service.incarnation,
    memory: service.memory,
    groups: service.groupCount,
  });
  const open = async (
    surface: 'member' | 'operator',
    at: SurfaceOptions,
    where: typeof place,
  ): Promise<Surface> => {
    const limiter = new RateLimiter(limits.rate, clock);
    const app = createApp<SurfaceBindings>({
      surface,
      call: (request) => withinDeadline(service.call(request), request, limits.requestDeadlineMs, clock),
      health,
      identify: (bindings, authorization) => callerOf(bindings, authorization, at),
      mayAsk: (caller) => limiter.take(caller),
      ...(clusterId === undefined ? {} : { clusterId }),
      bodyBytesMax: limits.bodyBytesMax,
      telemetry,
    });
    return openSurface(
      at,
      where,
      surface === 'member' ? 'node' : 'operator',
      clusterId,
      limits,
      app,
      telemetry,
    );
  };

  const surfaces: Surface[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(surfaces.map((surface) => surface[Symbol.asyncDispose]()));
    await service[Symbol.asyncDispose]();
  };
  try {
    surfaces.push(await open('member', options, place));
    if (admin !== undefined && adminPlace !== undefined)
      surfaces.push(await open('operator', admin, adminPlace));
  } catch (error) {
    await close();
    throw error;
  }
  const [first, second] = surfaces;
  let closing: Promise<void> | undefined;
  return {
    address: first?.address ?? options.listen,
    ...(second === undefined ? {} : { adminAddress: second.address }),
    incarnation: service.incarnation,
    memory: service.memory,
    health,
    renewCertificate: (tls) => {
      for (const surface of surfaces) surface.renewCertificate(tls);
    },
    [Symbol.asyncDispose]: () => (closing ??= close()),
  };
}

async function openService(
  options: WitnessOptions,
  limits: WitnessLimits,
  telemetry: Telemetry,
): Promise<WitnessService> {
  // The store first: its lock says whether this is the only witness here, before the token is touched.
  const store = typeof options.store === 'string' ? await openLevelStore(options.store) : options.store;
  const proof = await openBootTokenFile(options.bootTokenFile).catch(async (error: unknown) => {
    await store[Symbol.asyncDispose]();
    throw error;
  });
  return WitnessService.open({
    store,
    proof,
    random: options.random ?? systemRandom(),
    telemetry,
    groupsMax: limits.groupsMax,
  });
}

/** A token inside the store's folder would be copied and put back with it. */
function checkTokenPlace({ store, bootTokenFile }: WitnessOptions): void {
  if (typeof store !== 'string' || !resolve(bootTokenFile).startsWith(resolve(store) + sep)) return;
  throw new HoldfastError(
    'CONFIG_INVALID',
    `The boot token file ${bootTokenFile} is inside the store ${store}: a copy of the store would bring its own proof. Move it out.`,
  );
}

async function withinDeadline(
  answer: Promise<ServedAnswer>,
  request: WitnessRequest,
  deadlineMs: number,
  clock: LimitClock,
): Promise<ServedAnswer> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(deadlineMs, () => {
      reject(
        new RequestError(
          503,
          'DEADLINE_EXCEEDED',
          `The ${request.kind} was not decided within ${deadlineMs} ms; it may still be. Ask the same again.`,
        ),
      );
    });
    answer.then(resolve, reject).finally(() => timer.cancel());
  });
}
