import { MessageChannel, type MessagePort } from 'node:worker_threads';

/**
 * Frees array buffers now. What a socket receives lies outside the heap of JavaScript, and its mere amount makes the collector
 * run: some hundred MiB a second are several full collections, of some ten milliseconds each. A message that transfers a buffer
 * takes it away from its sender, and one to a closed port is dropped with all that it carries.
 */
export class ReleasedMemory {
  private readonly port: MessagePort;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    port1.close();
    port2.close();
    this.port = port1;
  }

  /** Afterwards the buffer has no bytes: nobody may have a view of it that is still wanted. */
  release(buffer: ArrayBuffer): void {
    this.port.postMessage(undefined, [buffer]);
  }
}
