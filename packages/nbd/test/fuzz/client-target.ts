import {
  Dice,
  FedStream,
  type FuzzOutcome,
  type FuzzTarget,
  joined,
  mutate,
  showBytes,
} from '@holdfast/testkit';
import { NbdClient } from '../../src/client/client.js';
import { encodeGreeting, encodeOption } from '../../src/codec/option.js';
import {
  encodeInfoBlockSize,
  encodeInfoExport,
  encodeMetaContext,
  encodeOptionReply,
} from '../../src/codec/option-reply.js';
import { NbdError } from '../../src/errors.js';
import { ManualClock, settle } from '../support/clock.js';
import { type AskedRequest, judgeReplies, type ReplyVerdict } from './reference-replies.js';
import { viewOf } from './reference-handshake.js';

/** How the server answers one thing that it was asked, decided by a seed of its own. */
export interface Lie {
  readonly seed: number;
  readonly isDamaged: boolean;
}

const sizeBytes = 1024 * 1024;
const callsMost = 64;
/** The longest read of a case; nothing that the client allocates may be longer, whatever the server says. */
const longestBytes = 20_000;

/** What one call of the client came to. */
type Settled = { readonly data: unknown } | { readonly error: unknown } | undefined;

/** The client of NBD against a server that lies. */
export class NbdClientTarget implements FuzzTarget<Lie> {
  readonly name = 'nbd-client';

  draw(dice: Dice): readonly Lie[] {
    const damagedOneIn = dice.pick([0, 10, 40, 150]);
    return Array.from({ length: 5 + dice.below(callsMost) }, () => ({
      seed: dice.below(0x7fff_ffff),
      isDamaged: damagedOneIn > 0 && dice.oneIn(damagedOneIn),
    }));
  }

  show({ seed, isDamaged }: Lie): string {
    return `${isDamaged ? 'damaged' : 'honest'} answer of seed ${String(seed)}`;
  }

  async run(lies: readonly Lie[]): Promise<FuzzOutcome> {
    const conversation = new Conversation(lies);
    const problem = await conversation.hold();
    return { frames: conversation.frames, problem };
  }
}

class Conversation {
  frames = 0;
  readonly #stream = new FedStream({ remote: 'a liar' });
  readonly #clock = new ManualClock();
  readonly #asked: AskedRequest[] = [];
  readonly #told: Uint8Array[] = [];
  #next = 0;
  #asksForExtents = true;
  #allocatedPeakBytes = 0;

  constructor(private readonly lies: readonly Lie[]) {}

  async hold(): Promise<string | undefined> {
    const client = await this.#connect();
    if (typeof client === 'string') return client;
    if (client === undefined) return undefined;
    const all = this.#call(client);
    await settle(1);
    // What the client knows to be of no use to this server, it does not send.
    const calls = all.filter(({ settled }) => settled === undefined);
    const [structured, context] = [client.info.structuredReplies, client.info.canBlockStatus];
    this.#answerAll(this.#stream.take(), structured);
    await settle(1);
    const isOpen = client.isOpen;
    this.#stream.feedEnd();
    this.#stream.lose();
    await settle(1);
    await client.close();
    // A damaged maximum makes many requests of one call: then it only counts that every call comes to an end.
    if (client.info.maximumRequestBytes < longestBytes)
      return calls.some(({ settled }) => settled === undefined) ? 'a call hangs' : this.#bounds();
    const wanted = judgeReplies(joined(...this.#told), this.#asked, structured, context);
    return this.#compare(calls, wanted, isOpen) ?? this.#bounds();
  }

  /** The client, or nothing when it has refused in good order, or what was wrong. */
  async #connect(): Promise<NbdClient | string | undefined> {
    const stream = this.#stream;
    let failure: unknown;
    let client: NbdClient | undefined;
    const connecting = NbdClient.connect(stream, {
      clock: this.#clock,
      exportName: 'disk',
      allocate: (lengthBytes) => {
        this.#allocatedPeakBytes = Math.max(this.#allocatedPeakBytes, lengthBytes);
        return new Uint8Array(lengthBytes);
      },
    }).then(
      (opened) => void (client = opened),
      (error: unknown) => void (failure = error),
    );
    stream.feed(this.#lie(encodeGreeting(3)));
    for (let rounds = 0; rounds < 12 && failure === undefined && client === undefined; rounds += 1) {
      await settle(1);
      for (const code of optionsIn(stream.take(), rounds === 0)) {
        this.frames += 1;
        // Which number the context has got is not to be seen from outside any more.
        if (code === 10 && this.lies[this.#next]?.isDamaged === true) this.#asksForExtents = false;
        stream.feed(this.#lie(answerTo(code)));
      }
    }
    if (client !== undefined) return client;
    stream.feedEnd();
    stream.lose();
    await settle(1);
    await Promise.race([connecting, settle(2)]);
    if (failure === undefined) return 'connecting hangs after the stream has ended';
    return NbdError.is(failure) ? undefined : 'connecting failed with an error of another kind';
  }

  #lie(honest: Uint8Array): Uint8Array {
    const lie = this.lies[this.#next];
    this.#next += 1;
    return lie?.isDamaged === true ? mutate(honest, encodeOption(8), new Dice(lie.seed)) : honest;
  }

  #call(client: NbdClient): { readonly settled: Settled }[] {
    return Array.from({ length: Math.max(0, this.lies.length - 4) }, (_, index) => {
      const dice = new Dice((this.lies[index + 4]?.seed ?? index) + 1);
      const kept: { settled: Settled } = { settled: undefined };
      const lengthBytes = 1 + dice.below(dice.oneIn(8) ? longestBytes : 600);
      const offsetBytes = dice.below(sizeBytes - lengthBytes);
      const done = (): Promise<unknown> => {
        switch (dice.below(6)) {
          case 0:
            return client.write(offsetBytes, new Uint8Array(lengthBytes));
          case 1:
            return client.flush();
          case 2:
            return client.info.canBlockStatus && this.#asksForExtents
              ? client.blockStatus(offsetBytes, lengthBytes)
              : client.flush();
          case 3:
            return client.trim(offsetBytes, lengthBytes);
          default:
            return client.read(offsetBytes, lengthBytes);
        }
      };
      done().then(
        (data) => (kept.settled = { data }),
        (error: unknown) => (kept.settled = { error }),
      );
      return kept;
    });
  }

  #answerAll(bytes: Uint8Array, structured: boolean): void {
    const view = viewOf(bytes);
    for (let at = 0; bytes.length - at >= 28;) {
      const command = view.getUint16(at + 6);
      const lengthBytes = view.getUint32(at + 24);
      const cookie = view.getBigUint64(at + 8);
      const offset = Number(view.getBigUint64(at + 16));
      this.#asked.push({ cookie, command, offset, lengthBytes });
      at += 28 + (command === 1 ? lengthBytes : 0);
    }
    const order = this.#asked.map((asked, index) => ({ asked, lie: this.lies[index + 4] }));
    order.sort((left, right) => ((left.lie?.seed ?? 0) % 7) - ((right.lie?.seed ?? 0) % 7));
    for (const { asked, lie } of order) {
      this.frames += 1;
      const dice = new Dice(lie?.seed ?? 1);
      const isDishonest = lie?.isDamaged === true && dice.oneIn(3);
      const honest = honestReply(asked, structured, dice, isDishonest);
      const told =
        lie?.isDamaged === true && !isDishonest ? mutate(honest, this.#told.at(-1) ?? honest, dice) : honest;
      this.#told.push(told);
      this.#stream.feed(told);
    }
  }

  #compare(
    calls: { readonly settled: Settled }[],
    wanted: ReplyVerdict,
    isOpen: boolean,
  ): string | undefined {
    if (wanted.isViolated === isOpen)
      return `the client ${isOpen ? 'goes on after' : 'ended without'} a broken rule`;
    if (calls.length !== this.#asked.length)
      return `${String(calls.length)} calls became ${String(this.#asked.length)} requests`;
    // Calls and requests are in the same order: none of them is cut.
    for (const [index, { settled }] of calls.entries()) {
      const asked = this.#asked[index];
      if (settled === undefined) return `call ${String(index)} hangs`;
      if (asked === undefined) continue;
      const reply = wanted.replies.get(asked.cookie);
      if ('error' in settled) {
        if (!NbdError.is(settled.error)) return `call ${String(index)} failed with ${String(settled.error)}`;
        if (reply?.error === 0)
          return `call ${String(index)} was answered well and failed with ${settled.error.code}`;
        continue;
      }
      if (reply?.error !== 0) return `call ${String(index)} succeeded, and the server has not said so`;
      const { data } = settled;
      if (asked.command !== 0) continue;
      if (!(data instanceof Uint8Array) || Buffer.compare(data, reply.data) !== 0)
        return `call ${String(index)} read what the server did not send`;
    }
    return undefined;
  }

  #bounds(): string | undefined {
    // A slab of the output is the largest thing besides the reads themselves.
    return this.#allocatedPeakBytes > 256 * 1024
      ? `${showBytes(new Uint8Array(0))}: ${String(this.#allocatedPeakBytes)} bytes were allocated at once`
      : undefined;
  }
}

function optionsIn(bytes: Uint8Array, withFlags: boolean): number[] {
  const view = viewOf(bytes);
  const codes: number[] = [];
  let at = withFlags && bytes.length >= 4 && view.getUint32(0) !== 0x49484156 ? 4 : 0;
  while (bytes.length - at >= 16) {
    codes.push(view.getUint32(at + 8));
    at += 16 + view.getUint32(at + 12);
  }
  return codes;
}

function answerTo(code: number): Uint8Array {
  const ack = encodeOptionReply(code, 1);
  if (code === 10) return joined(encodeOptionReply(code, 4, encodeMetaContext(77, 'base:allocation')), ack);
  if (code !== 7) return ack;
  const blocks = encodeOptionReply(code, 3, encodeInfoBlockSize(1, 4096, 1024 * 1024));
  return joined(encodeOptionReply(code, 3, encodeInfoExport(sizeBytes, 0x5ed)), blocks, ack);
}

function chunk(cookie: bigint, flags: number, type: number, body: Uint8Array): Uint8Array {
  const head = new Uint8Array(20);
  const view = viewOf(head);
  view.setUint32(0, 0x668e33ef);
  view.setUint16(4, flags);
  view.setUint16(6, type);
  view.setBigUint64(8, cookie);
  view.setUint32(16, body.length);
  return joined(head, body);
}

function at64(offset: number, rest: Uint8Array): Uint8Array {
  const head = new Uint8Array(8);
  viewOf(head).setBigUint64(0, BigInt(offset));
  return joined(head, rest);
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  values.forEach((value, index) => {
    viewOf(bytes).setUint32(4 * index, value);
  });
  return bytes;
}

/** One of the ways in which an honest server may say it; a dishonest one says a part twice, or leaves one out. */
function honestReply(asked: AskedRequest, structured: boolean, dice: Dice, isDishonest: boolean): Uint8Array {
  const { cookie, command, offset, lengthBytes } = asked;
  const isFailed = dice.oneIn(10);
  if (!structured || (command !== 0 && command !== 7)) {
    const head = new Uint8Array(16);
    viewOf(head).setUint32(0, 0x67446698);
    viewOf(head).setUint32(4, isFailed ? dice.pick([1, 5, 22, 28, 4242]) : 0);
    viewOf(head).setBigUint64(8, cookie);
    return command === 0 && !isFailed ? joined(head, dice.bytes(lengthBytes)) : head;
  }
  if (isFailed) return chunk(cookie, 1, 0x8001, joined(words(5), Uint8Array.of(0, 3, 98, 97, 100)));
  if (command === 7) {
    const first = 1 + dice.below(lengthBytes);
    return chunk(cookie, 1, 5, words(77, first, 3, 0x7fff_ffff, 0));
  }
  const cut = dice.below(lengthBytes);
  const first = at64(offset, dice.bytes(cut === 0 ? lengthBytes : cut));
  if (cut === 0) return chunk(cookie, 1, 1, first);
  const rest = lengthBytes - cut;
  const second = dice.oneIn(2)
    ? chunk(cookie, 0, 1, at64(offset + cut, dice.bytes(rest)))
    : chunk(cookie, 0, 2, at64(offset + cut, words(rest)));
  if (isDishonest && dice.oneIn(2))
    return joined(chunk(cookie, 0, 1, first), chunk(cookie, 1, 0, new Uint8Array(0)));
  const again = isDishonest ? chunk(cookie, 0, 1, first) : new Uint8Array(0);
  return joined(second, chunk(cookie, 0, 1, first), again, chunk(cookie, 1, 0, new Uint8Array(0)));
}
