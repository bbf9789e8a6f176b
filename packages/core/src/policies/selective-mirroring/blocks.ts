/**
 * A map from block numbers to plain data, as plain JSON, that shares what does not change: putting one block copies one page and
 * the list of pages. Iterates in ascending order of block numbers, whatever the order of putting. Blocks are below 2^32 - 1.
 */
export interface BlockTable<Entry> {
  readonly count: number;
  readonly pages: Readonly<Record<string, Readonly<Record<string, Entry>>>>;
}

const PAGE_BLOCKS = 512;

export function noBlocks<Entry>(): BlockTable<Entry> {
  return { count: 0, pages: {} };
}

export function blockIn<Entry>(table: BlockTable<Entry>, block: number): Entry | undefined {
  return table.pages[pageOf(block)]?.[String(block)];
}

export function withBlocks<Entry>(
  table: BlockTable<Entry>,
  changes: Iterable<readonly [number, Entry | undefined]>,
): BlockTable<Entry> {
  const pages: Record<string, Readonly<Record<string, Entry>>> = { ...table.pages };
  const copied = new Map<string, Record<string, Entry>>();
  let { count } = table;
  for (const [block, entry] of changes) {
    const name = pageOf(block);
    let page = copied.get(name);
    if (page === undefined) {
      page = { ...pages[name] };
      copied.set(name, page);
      pages[name] = page;
    }
    const key = String(block);
    const was = Object.hasOwn(page, key);
    if (entry === undefined) {
      if (was) count -= 1;
      Reflect.deleteProperty(page, key);
    } else {
      if (!was) count += 1;
      page[key] = entry;
    }
  }
  for (const [name, page] of copied) if (Object.keys(page).length === 0) Reflect.deleteProperty(pages, name);
  return { count, pages };
}

export function* blocksOf<Entry>(table: BlockTable<Entry>): Generator<readonly [number, Entry]> {
  for (const page of Object.values(table.pages)) {
    for (const [block, entry] of Object.entries(page)) yield [Number(block), entry];
  }
}

function pageOf(block: number): string {
  return String(Math.floor(block / PAGE_BLOCKS));
}
