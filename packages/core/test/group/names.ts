export type NodeId = 'a' | 'b';
export const ids: readonly NodeId[] = ['a', 'b'];
export const other = (id: NodeId): NodeId => (id === 'a' ? 'b' : 'a');
