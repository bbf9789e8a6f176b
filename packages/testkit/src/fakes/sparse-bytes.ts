const PAGE_BYTES = 64 * 1024;

/** A large array of bytes that begins as zeros and holds only the pages that were written. */
export class SparseBytes {
  private readonly pages: Map<number, Uint8Array>;

  constructor(copyOf?: SparseBytes) {
    this.pages = new Map(
      copyOf === undefined ? [] : Array.from(copyOf.pages, ([number, page]) => [number, page.slice()]),
    );
  }

  read(offsetBytes: number, into: Uint8Array): void {
    this.eachPage(offsetBytes, into.length, (number, inPage, inRange, length) => {
      const page = this.pages.get(number);
      if (page === undefined) into.fill(0, inRange, inRange + length);
      else into.set(page.subarray(inPage, inPage + length), inRange);
    });
  }

  write(offsetBytes: number, data: Uint8Array): void {
    this.eachPage(offsetBytes, data.length, (number, inPage, inRange, length) => {
      let page = this.pages.get(number);
      if (page === undefined) {
        page = new Uint8Array(PAGE_BYTES);
        this.pages.set(number, page);
      }
      page.set(data.subarray(inRange, inRange + length), inPage);
    });
  }

  clear(offsetBytes: number, lengthBytes: number): void {
    this.eachPage(offsetBytes, lengthBytes, (number, inPage, _inRange, length) => {
      if (length === PAGE_BYTES) this.pages.delete(number);
      else this.pages.get(number)?.fill(0, inPage, inPage + length);
    });
  }

  private eachPage(
    offsetBytes: number,
    lengthBytes: number,
    visit: (number: number, inPage: number, inRange: number, length: number) => void,
  ): void {
    for (let done = 0; done < lengthBytes;) {
      const at = offsetBytes + done;
      const number = Math.floor(at / PAGE_BYTES);
      const inPage = at - number * PAGE_BYTES;
      const length = Math.min(PAGE_BYTES - inPage, lengthBytes - done);
      visit(number, inPage, done, length);
      done += length;
    }
  }
}
