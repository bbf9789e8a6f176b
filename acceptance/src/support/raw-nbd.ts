import { connect, type Socket } from 'node:net';

/** Speaks NBD by hand over a Unix socket and keeps what comes back. */
export class RawNbd {
  private received = Buffer.alloc(0);
  private closed = false;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => (this.received = Buffer.concat([this.received, chunk])));
    socket.on('close', () => (this.closed = true));
    socket.on('error', () => (this.closed = true));
  }

  static async open(path: string): Promise<RawNbd> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await RawNbd.dial(path);
      } catch (error) {
        if (tries >= 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  private static dial(path: string): Promise<RawNbd> {
    return new Promise((resolve, reject) => {
      const socket = connect({ path });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RawNbd(socket));
      });
    });
  }

  send(bytes: Uint8Array): void {
    if (!this.closed) this.socket.write(bytes);
  }

  /** The next bytes; undefined when the server has hung up, or says nothing for `patienceMs`. */
  async take(lengthBytes: number, patienceMs = 1_500): Promise<Buffer | undefined> {
    const until = Date.now() + patienceMs;
    while (this.received.length < lengthBytes) {
      if (this.closed || Date.now() > until) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const taken = this.received.subarray(0, lengthBytes);
    this.received = this.received.subarray(lengthBytes);
    return taken;
  }

  close(): void {
    this.socket.destroy();
  }
}

export function option(code: number, data: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(16);
  head.write('IHAVEOPT', 'latin1');
  head.writeUInt32BE(code, 8);
  head.writeUInt32BE(data.length, 12);
  return Buffer.concat([head, data]);
}

export function request(flags: number, command: number, offset: bigint, lengthBytes: number): Buffer {
  const head = Buffer.alloc(28);
  head.writeUInt32BE(0x25609513, 0);
  head.writeUInt16BE(flags, 4);
  head.writeUInt16BE(command, 6);
  head.writeBigUInt64BE(7n, 8);
  head.writeBigUInt64BE(offset, 16);
  head.writeUInt32BE(lengthBytes, 24);
  return head;
}

/** GO for the default export, without wishes. */
export const go = option(7, Buffer.alloc(6));
