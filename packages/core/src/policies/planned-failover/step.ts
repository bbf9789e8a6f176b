import type { Policy, Step } from '../../kernel/policy.js';
import { onCommand } from './commands.js';
import { invariants } from './invariants.js';
import { onMessage } from './messages.js';
import { checkVersion, PLANNED_FAILOVER_VERSION, type PlannedFailoverOptions } from './options.js';
import { onPersistFailed, onPersisted } from './persisted.js';
import { explainPlannedFailover } from './reasons.js';
import { settle, wakeAt } from './settle.js';
import { cancel, onDrained, onSourcePaths } from './source.js';
import { onStanding } from './standing.js';
import { boot, initialState } from './start.js';
import type { PlannedFailoverState } from './state.js';
import { askForRoles, onCaughtUp, onMadeReady, sayApplied } from './target.js';
import { Turn } from './turn.js';
import type { PlannedFailoverEffect, PlannedFailoverEvent, PlannedFailoverObstacle } from './types.js';

/** Handles one event: what it says, and then whatever has become due or possible by it. */
export function step(
  state: PlannedFailoverState,
  event: PlannedFailoverEvent,
): Step<PlannedFailoverState, PlannedFailoverEffect> {
  checkVersion(state, 'The state');
  const turn = new Turn(state, event);
  boot(turn);
  handle(turn, event);
  settle(turn);
  return turn.end();
}

function handle(turn: Turn, event: PlannedFailoverEvent): void {
  switch (event.kind) {
    case 'tick':
      return;
    case 'peer-connected':
      onConnected(turn, event.session);
      return;
    case 'peer-disconnected':
      if (turn.state.session === event.session) onDisconnected(turn, event.cause);
      else turn.absorb('peer-disconnected', 'that session is not the present one');
      return;
    case 'peer-message':
      if (turn.state.session === event.session) onMessage(turn, event.message);
      else turn.absorb(`message ${event.message.kind}`, 'its session is not the present one');
      return;
    case 'standing-changed':
      onStanding(turn, event.standing);
      return;
    case 'checked':
      onChecked(turn, event.effect, event.obstacles);
      return;
    case 'made-ready':
      onMadeReady(turn, event.effect, event.ready, event.obstacles);
      return;
    case 'drained':
      onDrained(turn, event.effect, event.barrierSequence);
      return;
    case 'caught-up':
      onCaughtUp(turn, event.effect);
      return;
    case 'paths-switched':
      onPathsSwitched(turn, event.effect, event.warnings);
      return;
    case 'persisted':
      onPersisted(turn, event.effect);
      return;
    case 'persist-failed':
      onPersistFailed(turn, event.effect, event.detail);
      return;
    case 'command':
      onCommand(turn, event.commandId, event.command);
      return;
    default:
      // A kind of a newer release: noted, never a reason to stop.
      turn.absorb(`event ${(event as { kind: string }).kind}`, 'this release does not know it');
  }
}

/** A new session: whatever was agreed on before the commit was agreed on in the old one. */
function onConnected(turn: Turn, session: number): void {
  if (turn.state.session !== undefined) onDisconnected(turn, 'a newer session has taken its place');
  turn.patch({ session });
  if (turn.state.record.preparation !== undefined) askForRoles(turn);
  if (turn.state.record.grant !== undefined) sayApplied(turn);
}

function onDisconnected(turn: Turn, cause: string): void {
  turn.patch({ session: undefined });
  cancel(turn, 'peer-lost', cause);
  const { record, saving } = turn.state;
  // A target without a promise has promised nothing; one whose promise is being written may have promised already.
  if (
    record.preparation === undefined &&
    record.grant === undefined &&
    saving?.record.preparation === undefined
  )
    turn.patch({ target: undefined });
}

function onChecked(turn: Turn, effect: string, obstacles: readonly PlannedFailoverObstacle[]): void {
  const { source } = turn.state;
  if (source?.check !== effect) {
    turn.absorb('checked', 'nobody waits for it any more');
    return;
  }
  const { check: _check, ...rest } = source;
  turn.patch({ source: { ...rest, checked: true } });
  if (obstacles.length === 0) return;
  const shown = obstacles.map(({ member, detail }) =>
    member === undefined ? detail : `${member}: ${detail}`,
  );
  cancel(turn, 'obstacles', shown.join('; '));
}

function onPathsSwitched(turn: Turn, effect: string, warnings: readonly string[]): void {
  if (turn.state.source?.paths === effect) {
    onSourcePaths(turn, warnings);
    return;
  }
  if (turn.state.record.grant === undefined) turn.absorb('paths-switched', 'nobody waits for it any more');
  else if (warnings.length > 0)
    turn.report('warning', { kind: 'command', command: 'switch-paths', detail: warnings.join('; ') });
}

/** A switch of the sequencer's role between two healthy nodes: no outage, no mediator, one point of no return. */
export const plannedFailover: Policy<
  PlannedFailoverOptions,
  PlannedFailoverState,
  PlannedFailoverEvent,
  PlannedFailoverEffect
> = {
  name: 'planned-failover',
  stateVersion: PLANNED_FAILOVER_VERSION,
  init: initialState,
  step,
  wakeAt,
  explain: (effect) => explainPlannedFailover(effect.because),
  invariants,
};
