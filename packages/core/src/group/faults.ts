import type { NodeId } from '../policies/ttl-polarization/index.js';
import type { GroupState } from './state.js';

/** What may be lost. Two of them at once are a double fault. */
export type GroupFault =
  /** The process or the whole site: nothing of it answers. */
  | { readonly kind: 'node-lost'; readonly node: NodeId }
  /** Nothing passes between the nodes, and nobody is told. */
  | { readonly kind: 'link-cut' }
  /** Nothing that this node sends to the other arrives; the other way is whole. */
  | { readonly kind: 'link-cut-one-way'; readonly from: NodeId }
  /** No mediator that counts answers anybody. */
  | { readonly kind: 'witness-lost' }
  /** No host reaches this node. */
  | { readonly kind: 'hosts-lost'; readonly node: NodeId }
  /** This node's storage fails an operation. */
  | { readonly kind: 'leg-failed'; readonly node: NodeId };

/** Every single fault of this group: the nodes, the link in each direction, the witness, host paths, legs. */
export function singleFaultsOf({ self }: Pick<GroupState, 'self'>): readonly GroupFault[] {
  const nodes = [self.nodeId, self.peerId].sort();
  return [
    ...nodes.map((node) => ({ kind: 'node-lost', node }) as const),
    { kind: 'link-cut' },
    ...nodes.map((from) => ({ kind: 'link-cut-one-way', from }) as const),
    { kind: 'witness-lost' },
    ...nodes.map((node) => ({ kind: 'hosts-lost', node }) as const),
    ...nodes.map((node) => ({ kind: 'leg-failed', node }) as const),
  ];
}

/** Every two different faults at the same moment. */
export function doubleFaultsOf(
  state: Pick<GroupState, 'self'>,
): readonly (readonly [GroupFault, GroupFault])[] {
  const faults = singleFaultsOf(state);
  return faults.flatMap((one, index) => faults.slice(index + 1).map((two) => [one, two] as const));
}

/** What is left after the faults. */
export interface Remains {
  readonly lost: ReadonlySet<NodeId>;
  readonly legs: ReadonlySet<NodeId>;
  readonly unreached: ReadonlySet<NodeId>;
  readonly link: 'whole' | 'cut' | 'one-way';
  readonly witness: boolean;
}

export function remainsAfter(faults: readonly GroupFault[]): Remains {
  const nodesOf = (kind: 'node-lost' | 'leg-failed' | 'hosts-lost'): ReadonlySet<NodeId> =>
    new Set(faults.flatMap((fault) => (fault.kind === kind ? [fault.node] : [])));
  const ways = faults.filter(({ kind }) => kind === 'link-cut-one-way').length;
  const isCut = faults.some(({ kind }) => kind === 'link-cut') || ways > 1;
  return {
    lost: nodesOf('node-lost'),
    legs: nodesOf('leg-failed'),
    unreached: nodesOf('hosts-lost'),
    link: isCut ? 'cut' : ways === 1 ? 'one-way' : 'whole',
    witness: faults.every(({ kind }) => kind !== 'witness-lost'),
  };
}

export function wordsOfFault(fault: GroupFault): string {
  switch (fault.kind) {
    case 'node-lost':
      return `node ${fault.node} is lost`;
    case 'link-cut':
      return 'the link is cut';
    case 'link-cut-one-way':
      return `nothing arrives from node ${fault.from}`;
    case 'witness-lost':
      return 'the witness is lost';
    case 'hosts-lost':
      return `no host reaches node ${fault.node}`;
    case 'leg-failed':
      return `the storage of node ${fault.node} fails`;
  }
}
