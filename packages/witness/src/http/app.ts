import { HoldfastError, type Telemetry } from '@holdfast/core';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ServedAnswer } from '../service/decide.js';
import { emit } from '../service/events.js';
import type { WitnessRequest } from '../service/request.js';
import { clusterHeader, healthPath, memberActions, operatorActions, RequestError } from './api.js';
import { checkedGroupId, memberRequest, operatorRequest } from './validate.js';

/** Who sent a request, as far as the connection itself has proved it. */
export interface Caller {
  /** For limits and reports: a certificate's name, an address. */
  readonly name: string;
  /** The only node that this caller may speak for; undefined: it is trusted to name itself (a private socket). */
  readonly nodeId?: string;
}

export interface AppOptions<Environment extends object> {
  /** `member` serves what nodes ask, `operator` what people ask; both serve status and health. */
  readonly surface: 'member' | 'operator';
  call(request: WitnessRequest): Promise<ServedAnswer>;
  health(): Readonly<Record<string, unknown>> & { readonly ok: boolean };
  /** @throws RequestError 401 when it is not known who this is. */
  identify(environment: Environment, authorization: string | undefined): Caller;
  /** Whether this caller has not asked too often. */
  mayAsk(caller: string): boolean;
  readonly clusterId?: string;
  readonly bodyBytesMax: number;
  readonly telemetry: Telemetry;
}

/** What takes a request and its surroundings and gives the response. */
export type App<Environment extends object> = (
  request: Request,
  environment: Environment,
) => Promise<Response>;

/** The HTTP API on any platform that has Request and Response. */
export function createApp<Environment extends object>(options: AppOptions<Environment>): App<Environment> {
  const app: WitnessHono<Environment> = new Hono();

  app.use(async (context, next) => {
    checkCluster(context.req.header(clusterHeader), options.clusterId);
    const caller = options.identify(context.env, context.req.header('authorization'));
    if (!options.mayAsk(caller.name)) {
      throw new RequestError(429, 'REFUSED', `${caller.name} asks too often. Ask again in a second.`);
    }
    context.set('caller', caller);
    await next();
  });
  app.use(
    bodyLimit({
      maxSize: options.bodyBytesMax,
      onError: () => {
        throw new RequestError(
          413,
          'PROTOCOL',
          `The body is too long. A request has at most ${options.bodyBytesMax} bytes.`,
        );
      },
    }),
  );

  serve(app, options);
  app.all('/v1/groups/:groupId/:action', (context) => {
    const { method } = context.req;
    const action = context.req.param('action');
    const known: readonly string[] = ['status', ...memberActions, ...operatorActions];
    if (!known.includes(action)) throw notFound(context.req.path);
    const right = action === 'status' ? 'GET' : 'POST';
    throw new RequestError(405, 'PROTOCOL', `${action} is asked for with ${right}, not with ${method}.`);
  });
  app.notFound((context) => refusal(notFound(context.req.path), context, options.telemetry));
  app.onError((error, context) => refusal(asRequestError(error), context, options.telemetry));
  return async (request, environment) => app.fetch(request, environment);
}

interface WitnessVariables {
  readonly caller: Caller;
}

type WitnessHono<Environment extends object> = Hono<{ Bindings: Environment; Variables: WitnessVariables }>;

function serve<Environment extends object>(
  app: WitnessHono<Environment>,
  options: AppOptions<Environment>,
): void {
  const { surface } = options;
  app.get(healthPath, (context) => {
    const health = options.health();
    return context.json(health, health.ok ? 200 : 503);
  });
  app.get('/v1/groups/:groupId/status', async (context) => {
    const groupId = checkedGroupId(context.req.param('groupId'));
    return context.json(await options.call({ kind: 'status', groupId }));
  });
  for (const action of memberActions) {
    app.post(`/v1/groups/:groupId/${action}`, async (context) => {
      if (surface !== 'member') {
        throw new RequestError(
          403,
          'NOT_AUTHORIZED',
          `${action} is for members, and not served on the admin surface.`,
        );
      }
      const groupId = checkedGroupId(context.req.param('groupId'));
      const request = memberRequest(action, groupId, await bodyOf(context));
      const { nodeId } = context.get('caller');
      if (nodeId !== undefined && nodeId !== request.nodeId) {
        throw new RequestError(
          403,
          'NOT_AUTHORIZED',
          `nodeId is "${request.nodeId}", and this caller has proved to be ${nodeId}. A node speaks for itself only.`,
          'nodeId',
        );
      }
      return context.json(await options.call(request));
    });
  }
  for (const action of operatorActions) {
    app.post(`/v1/groups/:groupId/${action}`, async (context) => {
      if (surface !== 'operator') {
        throw new RequestError(403, 'NOT_AUTHORIZED', `${action} is served on the admin surface only.`);
      }
      const groupId = checkedGroupId(context.req.param('groupId'));
      return context.json(await options.call(operatorRequest(action, groupId, await bodyOf(context))));
    });
  }
}

/** Both sides say nothing, or both say the same. */
function checkCluster(found: string | undefined, own: string | undefined): void {
  if (found === own) return;
  const said = found === undefined ? 'no cluster' : `cluster ${JSON.stringify(found.slice(0, 80))}`;
  const right = own === undefined ? 'no cluster id' : 'another cluster id';
  throw new RequestError(
    403,
    'NOT_AUTHORIZED',
    `The request names ${said}, this witness has ${right}. Check clusterId on both sides.`,
  );
}

async function bodyOf(context: Context): Promise<unknown> {
  const type = context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  // A page in a browser cannot send this type to another host without asking that host first.
  if (type !== 'application/json') {
    throw new RequestError(
      415,
      'PROTOCOL',
      `content-type is ${type === undefined ? 'missing' : JSON.stringify(type.slice(0, 80))}. Right would be application/json.`,
    );
  }
  const text = await context.req.text();
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message.slice(0, 120) : 'unknown cause';
    throw new RequestError(400, 'PROTOCOL', `The body is not JSON: ${why}.`);
  }
}

function notFound(path: string): RequestError {
  return new RequestError(
    404,
    'NOT_FOUND',
    `There is nothing at ${JSON.stringify(path.slice(0, 80))}. Groups are at /v1/groups/{groupId}/{action}.`,
  );
}

function asRequestError(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  if (HoldfastError.is(error, 'REFUSED') && !error.retryable)
    return new RequestError(507, 'REFUSED', error.message);
  if (HoldfastError.is(error)) return new RequestError(503, error.code, error.message);
  return new RequestError(503, 'IO_FAILED', 'The witness failed inside. Its telemetry says more.');
}

function refusal(error: RequestError, context: Context, telemetry: Telemetry): Response {
  const caller: unknown = context.get('caller');
  emit(telemetry, {
    kind: 'witness-request-refused',
    from: isCaller(caller) ? caller.name : 'unknown',
    status: error.status,
    detail: error.message,
  });
  if (error.status === 429) context.header('retry-after', '1');
  return context.json(error.body(), error.status);
}

function isCaller(value: unknown): value is Caller {
  return typeof value === 'object' && value !== null && 'name' in value;
}
