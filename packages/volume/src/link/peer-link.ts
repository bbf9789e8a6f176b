import {
  type ByteStream,
  type Clock,
  HoldfastError,
  type Introduction,
  type Listener,
  type Random,
  type Timer,
  type Transport,
} from '@holdfast/core';
import type { VolumeDescription } from '../api.js';
import { decodeJson, encodeJson, type Frame, FrameStream, frame, frameTypes } from '../wire/index.js';
import { PeerSession } from './peer-session.js';
import { whyNotPeer } from './peer-proof.js';
import { checkedIntroduction, checkedVolumes } from './peer-words.js';

export interface PeerLinkOptions {
  readonly clusterId: string;
  readonly groupId: string;
  readonly nodeId: string;
  readonly peerId: string;
  readonly volumes: readonly VolumeDescription[];
  readonly where: { readonly listen: string } | { readonly dial: string };
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly pingIntervalMs: number;
  /** Silence after which the session counts as lost. */
  readonly silenceMs: number;
  readonly redialIntervalMs: number;
  readonly introduce: () => Introduction;
  readonly arrived: (session: PeerSession, introduction: Introduction) => void;
  readonly left: (session: PeerSession, cause: string) => void;
  readonly silent: (session: PeerSession, silentMs: number) => void;
  readonly frame: (session: PeerSession, next: Frame) => void;
  readonly refused: (remote: string, reason: string) => void;
}

const handshakeMs = 10_000;
const lingerMs = 1_000;
/** There is one peer; more than a few who have not said who they are is somebody else. */
const maxHandshakes = 32;
/** Somebody has to correct a configuration before the next try can go better. */
const redialAfterRefusalMs = 1_000;

/** What each side says first. Everything is checked before anything is believed. */
interface Hello {
  readonly clusterId: string;
  readonly groupId: string;
  readonly nodeId: string;
  readonly volumes: readonly VolumeDescription[];
  readonly introduction: Introduction;
}

/**
 * Keeps one session with the other node: one side listens, the other dials again and again. A newer session of the same peer
 * replaces an older one, which may be dead without knowing it.
 */
export class PeerLink {
  private listener: Listener | undefined;
  private session: PeerSession | undefined;
  private sessions = 0;
  private timer: Timer | undefined;
  private closed = false;
  private dialing = false;
  private refusedAt = -Infinity;
  private readonly handshakes = new Set<FrameStream>();

  constructor(private readonly options: PeerLinkOptions) {}

  async open(): Promise<void> {
    const { where, transport } = this.options;
    if ('listen' in where) {
      this.listener = await transport.listen(where.listen, (stream) => {
        if (this.handshakes.size >= maxHandshakes) stream.destroy();
        else this.handshake(stream, false);
      });
    } else this.dial(where.dial);
    this.watch();
  }

  get address(): string | undefined {
    return this.listener?.address;
  }

  drop(session: number, cause: string): void {
    if (this.session?.session === session) this.session.close(cause);
  }

  private dial(address: string): void {
    if (this.closed || this.dialing || this.session !== undefined) return;
    this.dialing = true;
    this.options.transport.connect(address, { deadlineMs: Math.max(1_000, this.options.silenceMs) }).then(
      (stream) => {
        if (this.closed) stream.destroy();
        else this.handshake(stream, true);
      },
      (error: unknown) => {
        // A way that is closed just now opens by itself; a proof that does not count needs somebody who hears of it.
        if (HoldfastError.is(error, 'NOT_AUTHORIZED')) {
          this.refusedAt = this.options.clock.now();
          this.options.refused(address, error.message);
        }
        this.dialLater(address);
      },
    );
  }

  private dialLater(address: string): void {
    this.dialing = false;
    if (this.closed) return;
    // Jitter keeps two restarted nodes from meeting in step for ever.
    const jitter = 0.75 + (this.options.random.bytes(new Uint8Array(1))[0] ?? 0) / 512;
    const { clock, redialIntervalMs } = this.options;
    const refused = clock.now() - this.refusedAt < redialAfterRefusalMs;
    clock.setTimer((refused ? redialAfterRefusalMs : redialIntervalMs) * jitter, () => {
      this.dial(address);
    });
  }

  private handshake(stream: ByteStream, dialed: boolean): void {
    const { clock, where } = this.options;
    let session: PeerSession | undefined;
    const deadline = clock.setTimer(
      dialed ? Math.max(1_000, this.options.silenceMs * 2) : handshakeMs,
      () => {
        frames.close('the handshake took too long');
      },
    );
    const frames = new FrameStream(stream, {
      frame: (next) => {
        if (session !== undefined) {
          session.heard();
          this.options.frame(session, next);
          return;
        }
        deadline.cancel();
        const hello = this.check(next, frames, stream);
        if (hello === undefined) return;
        if (!dialed) frames.send(frame(frameTypes.welcome, { payload: this.hello() }));
        this.handshakes.delete(frames);
        session = this.begin(frames, hello);
      },
      closed: (cause) => {
        deadline.cancel();
        this.handshakes.delete(frames);
        if (session !== undefined) this.ended(session, cause);
        if (dialed && 'dial' in where && (session === undefined || this.session === undefined))
          this.dialLater(where.dial);
      },
    });
    this.handshakes.add(frames);
    if (dialed) frames.send(frame(frameTypes.hello, { payload: this.hello() }));
  }

  private hello(): Uint8Array {
    const { clusterId, groupId, nodeId, volumes, introduce } = this.options;
    return encodeJson({ clusterId, groupId, nodeId, volumes, introduction: introduce() } satisfies Hello);
  }

  private check(next: Frame, frames: FrameStream, stream: ByteStream): Introduction | undefined {
    if (next.type === frameTypes.refuse) {
      const { reason } = decodeJson(next.payload, 'A refusal');
      this.refusedAt = this.options.clock.now();
      this.options.refused(stream.remote, `the other side refuses: ${String(reason)}`);
      frames.close('refused');
      return undefined;
    }
    if (next.type !== frameTypes.hello && next.type !== frameTypes.welcome) {
      this.refuse(frames, stream, 'the first frame is no greeting');
      return undefined;
    }
    const hello = this.checkedHello(decodeJson(next.payload, 'A greeting'), stream);
    if (typeof hello !== 'string') return hello;
    this.refuse(frames, stream, hello);
    return undefined;
  }

  /** The greeting, or why it is refused. Whose it is comes before what it says. */
  private checkedHello(words: Readonly<Record<string, unknown>>, stream: ByteStream): Introduction | string {
    const { peerId, groupId } = this.options;
    const reason = this.judge(words, stream);
    if (reason !== undefined) return reason;
    try {
      const mismatch = this.volumeMismatch(checkedVolumes(words['volumes']));
      return mismatch ?? checkedIntroduction(words['introduction'], peerId, groupId);
    } catch (error) {
      if (HoldfastError.is(error, 'PROTOCOL')) return error.message;
      throw error;
    }
  }

  private refuse(frames: FrameStream, stream: ByteStream, reason: string): void {
    frames.send(frame(frameTypes.refuse, { payload: encodeJson({ reason }) }));
    // The other side is to read why; it hangs up then.
    frames.end(reason);
    this.options.clock.setTimer(lingerMs, () => {
      frames.destroy();
    });
    this.refusedAt = this.options.clock.now();
    this.options.refused(stream.remote, reason);
  }

  private judge(words: Readonly<Record<string, unknown>>, stream: ByteStream): string | undefined {
    const { clusterId, groupId, peerId } = this.options;
    const said = (key: keyof Hello): string => JSON.stringify(words[key] ?? '').slice(0, 200);
    if (words['clusterId'] !== clusterId) return `cluster id ${said('clusterId')} is not "${clusterId}"`;
    if (words['groupId'] !== groupId) return `group ${said('groupId')} is not "${groupId}"`;
    if (words['nodeId'] !== peerId)
      return `node ${said('nodeId')} is unknown here; the other node is "${peerId}"`;
    return whyNotPeer(stream.identity, { clusterId, peerId });
  }

  private volumeMismatch(theirs: readonly VolumeDescription[]): string | undefined {
    const mine = this.options.volumes;
    const show = (volumes: readonly VolumeDescription[]): string =>
      volumes.map((volume) => `${volume.volumeId} (${String(volume.sizeBytes)} bytes)`).join(', ');
    const same =
      mine.length === theirs.length &&
      mine.every(
        (volume, index) =>
          volume.volumeId === theirs[index]?.volumeId && volume.sizeBytes === theirs[index].sizeBytes,
      );
    return same ? undefined : `volumes differ: here ${show(mine)}; there ${show(theirs)}`;
  }

  private begin(frames: FrameStream, introduction: Introduction): PeerSession {
    const { clock, arrived } = this.options;
    this.session?.close('a newer session of the same peer has replaced it');
    this.sessions += 1;
    this.dialing = false;
    const session = new PeerSession(this.sessions, introduction.bootId, frames, clock);
    this.session = session;
    arrived(session, introduction);
    return session;
  }

  private ended(session: PeerSession, cause: string): void {
    if (this.session === session) this.session = undefined;
    this.options.left(session, cause);
  }

  /** Both sides send something in every interval, so that silence means silence and not idleness. */
  private watch(): void {
    const { clock, pingIntervalMs, silenceMs } = this.options;
    const dueAt = clock.now() + pingIntervalMs;
    this.timer = clock.setTimer(pingIntervalMs, () => {
      if (this.closed) return;
      const lateMs = clock.now() - dueAt;
      const { session } = this;
      if (session !== undefined) {
        session.send(frame(frameTypes.ping));
        // When this process itself stood still, what the peer said meanwhile is still in the socket: read it first.
        if (session.silentMs > silenceMs && lateMs < pingIntervalMs / 2)
          this.options.silent(session, session.silentMs);
      }
      this.watch();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    await this.listener?.[Symbol.asyncDispose]();
    for (const frames of [...this.handshakes]) frames.close('this node is closing');
    this.session?.close('this node is closing');
  }
}
