import type { StreamIdentity } from '@holdfast/core';

/** Names of this form say which part of which cluster their owner is: `holdfast://CLUSTER/node/NAME`. */
const clusterNamePrefix = 'holdfast://';

/**
 * Why what a stream has proved is not the proof of the other node; undefined when it is, or when the stream proves nothing and
 * somebody else guards it (the mode of a Unix socket).
 *
 * A certificate proves a node by the name that the witness reads too, `holdfast://CLUSTER/node/NAME`; one without any such name
 * proves it by the bare name. A certificate of another cluster or role is refused, whatever else stands in it. A pre-shared key
 * belongs to the link and not to one of its ends: both ends know the same one under the same identity, so the handshake is the proof.
 */
export function whyNotPeer(
  identity: StreamIdentity | undefined,
  { clusterId, peerId }: { readonly clusterId: string; readonly peerId: string },
): string | undefined {
  if (identity === undefined || identity.how === 'pre-shared-key') return undefined;
  const { names } = identity;
  const clusterNames = names.filter((name) => name.startsWith(clusterNamePrefix));
  const wanted = clusterNames.length === 0 ? peerId : `${clusterNamePrefix}${clusterId}/node/${peerId}`;
  const found = clusterNames.length === 0 ? names : clusterNames;
  // With two names of ours it could be taken for either.
  if (found.includes(wanted) && clusterNames.length <= 1) return undefined;
  return `the certificate proves ${found.length === 0 ? 'no name' : found.join(' and ')}, not "${wanted}"`;
}
