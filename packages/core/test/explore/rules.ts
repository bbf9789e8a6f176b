import { readableUntil, type PolarizationState } from '../../src/index.js';
import type { SystemInvariant } from '@holdfast/testkit';
import { clockBase } from './clockwork.js';
import type { Policy } from './policy-bench.js';
import { names, otherSide, sides, type NodePart, type World } from './world.js';

/** What a node may do this very moment, by its own state alone. */
export interface Powers {
  readonly alone: boolean;
  readonly reads: boolean;
  readonly broken: string | undefined;
}

/** By the gate of a group. Fault handling alone leaves the order to its sequencer. */
function orders({ gate }: PolarizationState): boolean {
  return 'ordersWrites' in gate && gate.ordersWrites === true;
}

export class Rules {
  private readonly known = new Map<PolarizationState, Powers>();

  constructor(private readonly policy: Policy) {}

  powersOf(state: PolarizationState): Powers {
    let powers = this.known.get(state);
    if (powers === undefined) {
      const { gate } = state;
      const isOpen = gate.host === 'open';
      powers = {
        alone: isOpen && (gate.legs === 'own' || gate.legs === 'own-and-target'),
        reads: isOpen && clockBase < readableUntil(state),
        broken: this.brokenIn(state),
      };
      this.known.set(state, powers);
    }
    return powers;
  }

  private brokenIn(state: PolarizationState): string | undefined {
    for (const invariant of this.policy.invariants) {
      if (invariant.cost === 'costly') continue;
      const broken = invariant.check(state);
      if (broken !== undefined) return `${invariant.name}: ${broken}`;
    }
    return undefined;
  }

  mayRead(node: NodePart): boolean {
    return node.state !== null && !node.paused && this.powersOf(node.state).reads;
  }

  private mayAcknowledgeAlone(node: NodePart): boolean {
    return node.state !== null && this.powersOf(node.state).alone;
  }

  readonly all: readonly SystemInvariant<World>[] = [
    {
      name: 'one survivor at most',
      check: ({ nodes: [a, b], copies }) =>
        !copies.forgiven && this.mayAcknowledgeAlone(a) && this.mayAcknowledgeAlone(b)
          ? 'both nodes may acknowledge alone'
          : undefined,
    },
    {
      name: 'no read beside a survivor',
      check: ({ nodes, copies }) => {
        if (copies.forgiven) return undefined;
        for (const side of sides) {
          const peer = nodes[otherSide(side)];
          if (!peer.paused && this.mayAcknowledgeAlone(peer) && this.mayRead(nodes[side]))
            return `node ${names[side]} may answer reads while the other may acknowledge alone`;
        }
        return undefined;
      },
    },
    {
      name: 'whoever serves has every acknowledged write',
      check: ({ nodes, copies }) => {
        if (copies.forgiven) return undefined;
        for (const side of sides) {
          const node = nodes[side];
          const serves = this.mayRead(node) || (!node.paused && this.mayAcknowledgeAlone(node));
          if (serves && copies.hold[side] !== 'all')
            return `node ${names[side]} serves, and its copy is ${copies.hold[side]}`;
        }
        return undefined;
      },
    },
    {
      name: 'one order',
      check: ({ nodes: [{ state: a }, { state: b }] }) =>
        a !== null && b !== null && orders(a) && orders(b) && a.gate.epoch === b.gate.epoch
          ? `both nodes order writes in epoch ${String(a.gate.epoch)}`
          : undefined,
    },
    {
      name: 'rules of one node',
      check: ({ nodes }) => {
        for (const { state } of nodes) {
          const broken = state === null ? undefined : this.powersOf(state).broken;
          if (broken !== undefined) return `node ${String(state?.self.nodeId)}: ${broken}`;
        }
        return undefined;
      },
    },
  ];
}
