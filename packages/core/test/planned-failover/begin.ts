import {
  freshPlannedFailoverRecord,
  type PlannedFailoverRecord,
  type PlannedFailoverState,
} from '../../src/index.js';
import { Draft } from './draft.js';
import { other, type Budget, type Id, type Node, type Setting, type System } from './model.js';

const MEMBERS = ['data', 'log'];

export function begin(setting: Setting, budget: Budget): System {
  const roles = { epoch: 1, lineageId: 'first', sequencer: 'a', preferred: 'a' };
  const node = (id: Id): Node => {
    const disk = freshPlannedFailoverRecord({ groupId: 'g', nodeId: id, roles });
    return {
      up: true,
      at: 0,
      incarnation: 1,
      state: initial(setting, id, 1, disk, 0),
      disk,
      tasks: [],
      writes: 0,
      owner: false,
      alone: false,
      changed: false,
      session: 1,
      storeFails: false,
    };
  };
  const system: System = {
    nodes: { a: node('a'), b: node('b') },
    linkUp: true,
    sessions: 1,
    toward: { a: [], b: [] },
    witness: { epoch: 1, lineageId: 'first' },
    acknowledged: 0,
    budget,
    outcomes: [],
  };
  const draft = new Draft(system, { ...setting, log: () => undefined });
  for (const id of ['a', 'b'] as const) {
    draft.dispatch(id, { kind: 'peer-connected', session: 1 });
    draft.standing(id, { service: 'mirrored' });
  }
  return draft.system;
}

export function initial(
  setting: Setting,
  id: Id,
  incarnation: number,
  record: PlannedFailoverRecord,
  at: number,
): PlannedFailoverState {
  return setting.policy.init(
    {
      groupId: 'g',
      nodeId: id,
      peerId: other(id),
      incarnation,
      lineageSeed: `${id}${String(incarnation)}`,
      members: MEMBERS,
      timing: setting.timing,
      record,
    },
    at,
  );
}

/**
 * For an exploration: as if everything so far had taken no time. A limit then runs out when the choice says so and never by itself,
 * and two histories that differ in their times alone come to the same state.
 */
export function withoutTime(system: System): System {
  const still = (node: Node): Node => {
    const { source, target, saving } = node.state;
    const state: PlannedFailoverState = {
      ...node.state,
      now: 0,
      absorbed: {},
      ...(source === undefined
        ? {}
        : {
            source: {
              ...source,
              startedAt: 0,
              saidAt: 0,
              ...(source.fencedAt === undefined ? {} : { fencedAt: 0 }),
            },
          }),
      ...(target === undefined ? {} : { target: { ...target, since: 0, saidAt: 0 } }),
      ...(saving?.retryAt === undefined ? {} : { saving: { ...saving, retryAt: 0 } }),
    };
    return { ...node, at: 0, state };
  };
  return { ...system, nodes: { a: still(system.nodes.a), b: still(system.nodes.b) } };
}
