import { MessageChannel, type MessagePort } from 'node:worker_threads';

/**
 * Frees what a socket has received as soon as it was copied. It lies outside of the engine's heap, and the collector counts it:
 * at hundreds of MiB a second, full collections follow one another. What is transferred to a closed port has no owner any more.
 */
export class ReleasedMemory {
  #port: MessagePort | undefined;

  /** Nobody may use a view of the buffer after this. */
  release(buffer: ArrayBuffer): void {
    this.#port ??= closedPort();
    this.#port.postMessage(undefined, [buffer]);
  }
}

function closedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.close();
  return port1;
}
