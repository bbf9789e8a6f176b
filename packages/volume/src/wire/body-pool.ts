const keptBytes = 8 * 1024 * 1024;

/**
 * Memory of payloads that were given back, by length: hosts mostly repeat the same few. What is kept is bounded; lengths that
 * are not asked for any more make room for the others.
 */
export class BodyPool {
  private readonly free = new Map<number, Uint8Array[]>();
  private bytes = 0;

  take(lengthBytes: number): Uint8Array | undefined {
    const body = this.free.get(lengthBytes)?.pop();
    if (body !== undefined) this.bytes -= lengthBytes;
    return body;
  }

  give(body: Uint8Array): void {
    const same = this.free.get(body.length) ?? [];
    if (this.bytes + body.length > keptBytes) {
      this.free.clear();
      this.bytes = same.length * body.length;
    }
    this.free.set(body.length, same);
    if (this.bytes + body.length > keptBytes) return;
    same.push(body);
    this.bytes += body.length;
  }
}
