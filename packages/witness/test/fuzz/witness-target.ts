import type { Store } from '@holdfast/core';
import { type Dice, type FuzzOutcome, type FuzzTarget, mutate, seededRandom } from '@holdfast/testkit';
import { type App, createApp } from '../../src/http/app.js';
import { memoryProof, memoryStore } from '../../src/service/memory.js';
import { forgetAcknowledgement, promoteAcknowledgement } from '../../src/service/request.js';
import { WitnessService } from '../../src/service/witness-service.js';

/** One request, as it stands on the wire. `@` in a body stands for the incarnation, which a case learns only when it runs. */
export interface HttpPiece {
  readonly surface: 'member' | 'operator';
  readonly method: string;
  readonly path: string;
  readonly type: string | undefined;
  readonly cluster: string | undefined;
  readonly body: Uint8Array;
}

const bodyBytesMax = 4_096;
const groupsMax = 6;
const answers = new Set(['granted', 'denied', 'not-registered', 'unknown-incarnation']);
const refusals = new Set([400, 403, 404, 405, 413, 415, 507]);

/** The witness's HTTP interface, called without a socket. */
export class WitnessTarget implements FuzzTarget<HttpPiece> {
  readonly name = 'witness';
  /** How often each kind of answer was given, so that a test can see that there were any. */
  readonly answered = new Map<string, number>();

  /** @param wrapCall - stands between the interface and the service: a mutant to be found. */
  constructor(private readonly wrapCall: (service: WitnessService) => WitnessService['call'] = callOf) {}

  draw(dice: Dice): readonly HttpPiece[] {
    const damagedOneIn = dice.pick([0, 4, 20]);
    return Array.from({ length: 10 + dice.below(150) }, () => {
      const piece = drawRequest(dice);
      if (damagedOneIn === 0 || !dice.oneIn(damagedOneIn)) return piece;
      return { ...piece, body: mutate(piece.body, piece.body, dice) };
    });
  }

  show({ surface, method, path, type, cluster, body }: HttpPiece): string {
    const shown = Buffer.from(body).toString('latin1').slice(0, 300);
    return `${surface}: ${method} ${path} (${type ?? 'no type'}, cluster ${cluster ?? 'none'}) ${JSON.stringify(shown)}`;
  }

  async run(pieces: readonly HttpPiece[]): Promise<FuzzOutcome> {
    const kept = countingStore();
    const service = await WitnessService.open({
      store: kept.store,
      proof: memoryProof(),
      random: seededRandom(1),
      groupsMax,
    });
    const call = this.wrapCall(service);
    const apps = { member: appOf('member', call), operator: appOf('operator', call) };
    const epochs = new Map<string, number>();
    let frames = 0;
    for (const piece of pieces) {
      frames += 1;
      const changesBefore = kept.changes();
      const response = await apps[piece.surface](requestOf(piece, service.incarnation), {});
      const said = (await response.json()) as Said;
      const answer = `${piece.path.split('/')[4] ?? ''} ${said.kind ?? String(response.status)}`;
      this.answered.set(answer, (this.answered.get(answer) ?? 0) + 1);
      const problem =
        judge(response.status, said, piece, kept.changes() - changesBefore) ??
        grown(epochs, piece, response.status, said);
      if (problem !== undefined) return { frames, problem };
      if ((await kept.store.keys()).length > groupsMax + 4)
        return { frames, problem: 'more groups are kept than there may be' };
    }
    await service[Symbol.asyncDispose]();
    return { frames, problem: undefined };
  }
}

interface Said {
  readonly kind?: string;
  readonly view?: { readonly epoch: number; readonly state: string };
  readonly error?: { readonly code: string; readonly message: string };
}

function callOf(service: WitnessService): WitnessService['call'] {
  return (request) => service.call(request);
}

function appOf(surface: 'member' | 'operator', call: WitnessService['call']): App<object> {
  return createApp<object>({
    surface,
    call,
    health: () => ({ ok: true }),
    identify: () => ({ name: 'fuzz' }),
    mayAsk: () => true,
    clusterId: 'c1',
    bodyBytesMax,
    telemetry: { emit: () => undefined },
  });
}

function countingStore(): { readonly store: Store; changes(): number } {
  const inner = memoryStore();
  let changes = 0;
  const store: Store = {
    ...inner,
    save: (key, value) => {
      changes += 1;
      return inner.save(key, value);
    },
    delete: (key) => {
      changes += 1;
      return inner.delete(key);
    },
  };
  return { store, changes: () => changes };
}

function requestOf({ method, path, type, cluster, body }: HttpPiece, incarnation: string): Request {
  const headers = new Headers();
  if (type !== undefined) headers.set('content-type', type);
  if (cluster !== undefined) headers.set('holdfast-cluster', cluster);
  const bare = method === 'GET' || method === 'HEAD' || body.length === 0;
  const text = Buffer.from(body).toString('latin1').replaceAll('@', incarnation);
  return new Request(`http://w${path}`, {
    method,
    headers,
    ...(bare ? {} : { body: Buffer.from(text, 'latin1') }),
  });
}

/** What is refused has changed nothing, and says why in words of a bounded length. */
function judge(status: number, said: Said, piece: HttpPiece, changes: number): string | undefined {
  const asked = `${piece.method} ${piece.path}`;
  if (status === 200) {
    if (piece.path === '/v1/health') return undefined;
    if (said.kind === undefined || !answers.has(said.kind))
      return `${asked} was answered ${String(said.kind)}`;
    if (piece.cluster !== 'c1') return `${asked} of another cluster was answered`;
    if (piece.path.endsWith('/status') && changes > 0) return 'a status has changed something';
    const isOperators = piece.path.endsWith('/forget') || piece.path.endsWith('/manual-promote');
    if (piece.method === 'POST' && isOperators !== (piece.surface === 'operator'))
      return `${asked} was answered on the ${piece.surface} surface`;
    return said.kind === 'denied' && changes > 1
      ? `${asked} was denied and changed ${String(changes)} entries`
      : undefined;
  }
  if (!refusals.has(status)) return `${asked} ended with status ${String(status)}: ${JSON.stringify(said)}`;
  if (said.error === undefined || said.error.message.length > 1_000)
    return `${asked} was refused without a fit reason`;
  return changes > 0 ? `${asked} was refused and changed ${String(changes)} entries` : undefined;
}

/** The epoch of a group never goes back, but for the word of an operator who lets go of it. */
function grown(
  epochs: Map<string, number>,
  { path }: HttpPiece,
  status: number,
  said: Said,
): string | undefined {
  const group = path.split('/')[3] ?? '';
  if (status !== 200 || said.view === undefined) return undefined;
  const known = epochs.get(group) ?? 0;
  if (said.kind === 'granted' && path.endsWith('/forget')) epochs.delete(group);
  else if (said.view.epoch < known)
    return `group ${group} went from epoch ${String(known)} to ${String(said.view.epoch)}`;
  else epochs.set(group, said.view.epoch);
  return undefined;
}

const groups = [
  'g1',
  'g1',
  'g2',
  'g3',
  '..',
  'g%2f1',
  '%ff',
  'x'.repeat(129),
  'a b',
  'g4',
  'g5',
  'g6',
  'g7',
  'g8',
] as const;
const actions = [
  'register',
  'register',
  'promote',
  'promote',
  'reassert',
  'rejoin',
  'status',
  'manual-promote',
  'forget',
  'toString',
] as const;

function drawRequest(dice: Dice): HttpPiece {
  const group = dice.pick(groups);
  const action = dice.pick(actions);
  const isOperators = action === 'forget' || action === 'manual-promote';
  const fits = !dice.oneIn(12);
  return {
    surface: isOperators === fits ? 'operator' : 'member',
    method: action === 'status' ? 'GET' : dice.oneIn(30) ? dice.pick(['GET', 'PUT', 'DELETE']) : 'POST',
    path: dice.oneIn(40)
      ? dice.pick(['/', '/v1/health', '/v1/groups/g1', '/v2/x'])
      : `/v1/groups/${group}/${action}`,
    type: dice.oneIn(25) ? dice.pick([undefined, 'text/plain', 'application/json; x']) : 'application/json',
    cluster: dice.oneIn(25) ? dice.pick([undefined, 'c2', '']) : 'c1',
    body: drawBody(dice, group, action),
  };
}

function drawBody(dice: Dice, group: string, action: string): Uint8Array {
  if (dice.oneIn(40))
    return new Uint8Array(dice.pick([0, bodyBytesMax, bodyBytesMax + 1, 100_000])).fill(0x20);
  const nodeId = dice.pick(['n1', 'n2', 'n3']);
  const epoch = dice.oneIn(12) ? dice.pick([-1, 0.5, 2 ** 53, 1e300]) : dice.below(6);
  const claim = {
    nodeId,
    claimId: `${nodeId}-${String(epoch)}-${String(dice.below(3))}`,
    incarnation: dice.oneIn(10) ? 'another' : '@',
    epoch,
    lineageId: `l${String(dice.below(4))}`,
  };
  const expectedEpoch = dice.below(5);
  const words: Record<string, unknown> = {
    register: { ...claim, members: dice.oneIn(8) ? ['n1', 'n1'] : ['n1', 'n2'] },
    rejoin: { ...claim, members: ['n1', 'n2'] },
    promote: { ...claim, fromEpoch: dice.below(4) },
    reassert: {
      ...claim,
      ...(dice.oneIn(2) ? { history: [{ epoch: dice.below(3), lineageId: 'l1' }] } : {}),
    },
    'manual-promote': { ...claim, expectedEpoch, acknowledgement: promoteAcknowledgement(group, nodeId) },
    forget: { incarnation: '@', expectedEpoch, acknowledgement: forgetAcknowledgement(group) },
  };
  const body = words[action] ?? {};
  return new TextEncoder().encode(JSON.stringify(dice.oneIn(40) ? { ...body, surplus: [[[]]] } : body));
}
