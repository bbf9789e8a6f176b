import { ByteQueue } from '../codec/byte-queue.js';
import { NbdError } from '../errors.js';
import type { ByteStream, ByteStreamHandler } from '../stream.js';

/** A stream as something to wait on, for the part of the protocol that goes strictly back and forth. */
export class NegotiationChannel implements ByteStreamHandler {
  readonly queue = new ByteQueue();
  #stream: ByteStream;
  #wake: (() => void) | undefined;
  #failure: NbdError | undefined;
  #upgrading = false;

  constructor(stream: ByteStream) {
    this.#stream = stream;
    stream.attach(this);
  }

  get stream(): ByteStream {
    return this.#stream;
  }

  send(bytes: Uint8Array): void {
    this.#stream.write([bytes]);
  }

  /** Waits until `take` finds what it needs in the queue. */
  async receive<T>(take: (queue: ByteQueue) => T | undefined): Promise<T> {
    for (;;) {
      const taken = take(this.queue);
      if (taken !== undefined) return taken;
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Goes on over the stream that `upgrade` makes of the present one. */
  async replace(upgrade: (stream: ByteStream) => Promise<ByteStream>): Promise<void> {
    if (this.queue.length > 0)
      throw new NbdError('PROTOCOL', 'the server sent plain text after it agreed to TLS');
    this.#upgrading = true;
    try {
      this.#stream = await upgrade(this.#stream);
    } finally {
      this.#upgrading = false;
    }
    this.queue.clear();
    if (this.#failure !== undefined) {
      this.#stream.destroy();
      throw this.#failure;
    }
    this.#stream.attach(this);
  }

  /** Ends the negotiation from outside. */
  fail(error: NbdError): void {
    this.#failure ??= error;
    this.#stream.destroy();
    this.#resume();
  }

  data(chunk: Uint8Array): void {
    if (this.#upgrading) return;
    this.queue.push(chunk);
    this.#resume();
  }

  drain(): void {
    return;
  }

  end(): void {
    this.fail(new NbdError('DISCONNECTED', 'the server closed the connection during the handshake'));
  }

  close(error: Error | undefined): void {
    if (this.#upgrading) return;
    const message = `the connection ended during the handshake${error === undefined ? '' : `: ${error.message}`}`;
    this.#failure ??= new NbdError('DISCONNECTED', message, { cause: error });
    this.#resume();
  }

  #resume(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
