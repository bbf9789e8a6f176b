import { type Dice, FedStream, type FuzzOutcome, type FuzzTarget, showBytes } from '@holdfast/testkit';
import { NbdClient } from '../../src/client/client.js';
import type { NbdServerOptions } from '../../src/server/options.js';
import { settle } from '../support/clock.js';
import { streamPair } from '../support/pair.js';
import { chunksOf, drawConversation, type WirePiece } from './grammar.js';
import { judge } from './reference.js';
import { ServerStage, stageBudgetBytes, stageLimits, type StageTls } from './stage.js';

export interface ServerTargetOptions {
  readonly tls: StageTls;
  /** Below the largest request: reads and writes travel in slices. */
  readonly maxSliceBytes: number;
  /** Stands between the client and the server under test: a mutant to be found. */
  readonly wrap?: (stream: FedStream, stage: ServerStage) => void;
  readonly options?: Partial<NbdServerOptions>;
}

/** A slab of the output is the largest thing that a connection asks for at once. */
const mostAllocatedBytes = 256 * 1024;

/** Beside the hostile client there is an honest one, every so many cases: it costs a handshake. */
const honestEvery = 16;

/** The server of NBD against streams of hostile clients, judged by the reference. */
export class NbdServerTarget implements FuzzTarget<WirePiece> {
  readonly name: string;
  #cases = 0;

  constructor(private readonly options: ServerTargetOptions) {
    const slices = options.maxSliceBytes < stageLimits.maxRequestBytes ? '-slices' : '';
    this.name = `nbd-server${options.tls === 'none' ? '' : `-tls-${options.tls}`}${slices}`;
  }

  draw(dice: Dice): readonly WirePiece[] {
    const pieces = drawConversation(dice);
    if (this.options.tls === 'none' || dice.oneIn(8)) return pieces;
    // A client that does as it should asks for TLS after its flags; what is joined to that was sent too early.
    const [flags, ...rest] = pieces;
    const startTls = Uint8Array.of(0x49, 0x48, 0x41, 0x56, 0x45, 0x4f, 0x50, 0x54, 0, 0, 0, 5, 0, 0, 0, 0);
    const asking = { bytes: startTls, cutAt: 0, joinsNext: dice.oneIn(3) };
    const early = dice.oneIn(3) ? rest.splice(0, dice.below(rest.length)).slice(0, 6) : [];
    return flags === undefined ? [] : [{ ...flags, joinsNext: false }, ...early, asking, ...rest];
  }

  show(piece: WirePiece): string {
    return `${showBytes(piece.bytes)}${piece.cutAt > 0 ? `, cut at ${String(piece.cutAt)}` : ''}${piece.joinsNext ? ', joined to the next' : ''}`;
  }

  async run(pieces: readonly WirePiece[]): Promise<FuzzOutcome> {
    this.#cases += 1;
    const { tls, maxSliceBytes, options } = this.options;
    const stage = new ServerStage({ tls, maxSliceBytes, ...(options === undefined ? {} : { options }) });
    const honest = tls !== 'required' && this.#cases % honestEvery === 0 ? await open(stage) : undefined;
    const stream = new FedStream();
    this.options.wrap?.(stream, stage);
    stage.server.accept(stream);
    const chunks = chunksOf(pieces);
    const answers: Uint8Array[] = [];
    for (const chunk of chunks) {
      stream.feed(chunk);
      await turn();
      // A client that reads: what is paused for it goes on.
      for (let rounds = 0; ; rounds += 1) {
        const taken = stream.take();
        answers.push(taken);
        if (taken.length === 0 || rounds > 1_000) break;
        await turn();
      }
      if (stream.isDestroyed) break;
    }
    stream.feedEnd();
    await settle(2);
    answers.push(stream.take());
    await settle(1);
    answers.push(stream.take());
    const judged = judge(chunks, Buffer.concat(answers), stage.disks, { tls, maxSliceBytes });
    const problem = judged.problem ?? this.#afterwards(stage, stream, honest === undefined ? 0 : 1);
    const undisturbed = honest === undefined ? undefined : await serves(honest);
    return { frames: judged.frames, problem: problem ?? undisturbed };
  }

  /** Nothing hangs, nothing is kept, nothing was asked for beyond its bound. */
  #afterwards(stage: ServerStage, stream: FedStream, others: number): string | undefined {
    const { server, clock } = stage;
    if (!stream.isDestroyed && !stream.hasEnded) return 'the stream is still open after its end';
    if (!stream.isDestroyed) {
      stream.destroy();
    }
    if (stage.allocatedPeakBytes > mostAllocatedBytes)
      return `${String(stage.allocatedPeakBytes)} bytes were allocated at once`;
    if (server.connections > others + 1) return 'a connection that nobody has';
    if (server.budget.usedBytes > stageBudgetBytes + (others + 1) * stageLimits.connectionAllowanceBytes)
      return `${String(server.budget.usedBytes)} bytes of the budget are in use`;
    return clock.timers > others + 1 ? `${String(clock.timers)} timers run` : undefined;
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function open(stage: ServerStage): Promise<NbdClient> {
  const { near, far } = streamPair();
  stage.server.accept(far);
  return NbdClient.connect(near, { clock: stage.clock, exportName: 'blocks' });
}

/** The honest client's own words, behind everything that the hostile one may have named on its export. */
async function serves(client: NbdClient): Promise<string | undefined> {
  const data = new Uint8Array(1_024).fill(0x5a);
  await client.write(512, data);
  const found = await client.read(512, 1_024);
  await client.close();
  return Buffer.compare(found, data) === 0 ? undefined : 'another client reads what it did not write';
}
