import { type Arrivals, type OpenSession, ReferenceHandshake } from './reference-handshake.js';
import { ReferenceRequests } from './reference-requests.js';
import { initialBytes, stageExports, type StageTls } from './stage.js';

/** What is compared when a case has ended. */
export interface Verdict {
  readonly frames: number;
  readonly problem: string | undefined;
}

/**
 * A second reading of the protocol, made for being plainly right and not for being quick: it knows the whole stream and what came
 * back, walks through both, and says where they do not fit. It shares no code with the server, not even its decoders.
 */
export function judge(
  chunks: readonly Uint8Array[],
  answered: Uint8Array,
  disks: readonly { readonly name: string; readonly bytes: Uint8Array }[],
  options: { readonly tls: StageTls; readonly maxSliceBytes: number },
): Verdict {
  const arrivals = arrivalsOf(chunks);
  const handshake = new ReferenceHandshake(arrivals, answered, options.tls);
  const opened = handshake.run();
  const images = new Map(stageExports.map((served) => [served.name, initialBytes(served)]));
  let frames = handshake.options;
  let problem = handshake.problem;
  const open: OpenSession | undefined = problem === undefined ? opened : undefined;
  let doubtful: { readonly name: string; readonly from: number; readonly to: number } | undefined;
  if (open !== undefined) {
    const image = images.get(open.served.name) ?? new Uint8Array(0);
    const requests = new ReferenceRequests(arrivals.bytes, answered, open, image, options.maxSliceBytes);
    requests.run();
    frames += requests.requests;
    ({ problem } = requests);
    if (requests.halfWritten !== undefined) doubtful = { name: open.served.name, ...requests.halfWritten };
  }
  for (const { name, bytes } of disks) {
    if (problem !== undefined) break;
    problem = difference(name, bytes, images.get(name) ?? new Uint8Array(0), doubtful);
  }
  return { frames, problem };
}

function arrivalsOf(chunks: readonly Uint8Array[]): Arrivals {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  const ends: number[] = [];
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
    ends.push(at);
  }
  return { bytes, ends };
}

/** The one write whose payload did not come to its end may stand there in part, and nothing else may differ. */
function difference(
  name: string,
  found: Uint8Array,
  wanted: Uint8Array,
  doubtful: { readonly name: string; readonly from: number; readonly to: number } | undefined,
): string | undefined {
  if (Buffer.compare(found, wanted) === 0) return undefined;
  for (let at = 0; at < wanted.length; at += 1) {
    if (found[at] === wanted[at]) continue;
    if (doubtful?.name === name && at >= doubtful.from && at < doubtful.to) continue;
    return `byte ${String(at)} of ${name} is ${String(found[at])}, and no accepted request made it so (${String(wanted[at])} was right)`;
  }
  return undefined;
}
