import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNbdServer, memoryExport } from '@holdfast/nbd';
import { expect } from 'vitest';
import { itNeeding, start } from './support/programs.js';
import { go, option, RawNbd, request } from './support/raw-nbd.js';

const sizeBytes = 1024 * 1024;
const servers = ['holdfast', 'nbdkit', 'qemu-nbd'] as const;
type Server = (typeof servers)[number];

interface Question {
  readonly name: string;
  /** Asked in the option phase, or as a request after GO. */
  readonly phase: 'option' | 'request';
  readonly bytes: Uint8Array;
}

const text = (value: string): Buffer => Buffer.from(value, 'latin1');
const named = (name: string): Buffer => {
  const bytes = Buffer.alloc(4 + name.length + 2);
  bytes.writeUInt32BE(name.length, 0);
  bytes.write(name, 4, 'latin1');
  return bytes;
};
const asked = (name: string, bytes: Uint8Array): Question => ({ name, phase: 'request', bytes });
const opted = (name: string, bytes: Uint8Array): Question => ({ name, phase: 'option', bytes });
const end = BigInt(sizeBytes);

const questions: readonly Question[] = [
  opted('an unknown option', option(99)),
  opted('an unknown option with data', option(0x7fff_0000, Buffer.alloc(100))),
  opted('LIST', option(3)),
  opted('LIST with data', option(3, Buffer.alloc(4))),
  opted('STRUCTURED_REPLY', option(8)),
  opted('STRUCTURED_REPLY with data', option(8, Buffer.alloc(1))),
  opted('STARTTLS where there is none', option(5)),
  opted('GO that is too short', option(7, Buffer.alloc(3))),
  opted('GO whose name is longer than it', option(7, Buffer.from([0, 0, 0, 9, 65, 0, 0]))),
  opted('INFO for the default export', option(6, named(''))),
  opted('SET_META_CONTEXT before structured replies', option(10, Buffer.alloc(8))),
  opted('no option at all', text('GET / HTTP/1.1\r\nHost: x\r\n\r\n')),
  opted('ABORT', option(2)),
  asked('READ of a sector', request(0, 0, 0n, 512)),
  asked('READ across the end', request(0, 0, end - 256n, 512)),
  asked('READ behind the end', request(0, 0, end + 512n, 512)),
  asked('READ at 2^63', request(0, 0, 2n ** 63n, 512)),
  asked('READ with a flag that nobody knows', request(0x8000, 0, 0n, 512)),
  asked('WRITE across the end', Buffer.concat([request(0, 1, end - 256n, 512), Buffer.alloc(512)])),
  asked('WRITE of a sector with FUA', Buffer.concat([request(1, 1, 0n, 512), Buffer.alloc(512)])),
  asked('FLUSH', request(0, 3, 0n, 0)),
  asked('FLUSH of a range', request(0, 3, 512n, 512)),
  asked('TRIM across the end', request(0, 4, end - 256n, 512)),
  asked('WRITE_ZEROES', request(0, 6, 0n, 4_096)),
  asked('WRITE_ZEROES across the end', request(0, 6, end - 256n, 512)),
  asked('BLOCK_STATUS without a context', request(0, 7, 0n, 512)),
  asked('a command that nobody knows', request(0, 200, 0n, 0)),
  asked('no request at all', Buffer.alloc(28, 0x41)),
];

/** Where we answer otherwise than one of the others, and why that stays. */
const accepted: readonly { readonly question: string; readonly than: Server; readonly because: string }[] = [
  {
    question: 'STARTTLS where there is none',
    than: 'nbdkit',
    because:
      'It says that its policy forbids TLS. We say that we do not know the option, which the document gives for a server without TLS.',
  },
  {
    question: 'STARTTLS where there is none',
    than: 'qemu-nbd',
    because: 'As with nbdkit.',
  },
  {
    question: 'WRITE across the end',
    than: 'qemu-nbd',
    because: 'The document asks for ENOSPC; nbdkit gives it too.',
  },
  {
    question: 'WRITE_ZEROES across the end',
    than: 'qemu-nbd',
    because: 'The document asks for ENOSPC; nbdkit gives it too.',
  },
  {
    question: 'FLUSH of a range',
    than: 'qemu-nbd',
    because: 'The document says that offset and length must be zero; nbdkit refuses it too.',
  },
  {
    question: 'no request at all',
    than: 'qemu-nbd',
    because:
      'It answers a request that was none before it hangs up. After a wrong magic nothing of the stream can be believed.',
  },
];

/** What a server says to one question, in words that can be compared; and whether it still serves afterwards. */
async function answerOf(path: string, { phase, bytes }: Question): Promise<string> {
  const raw = await RawNbd.open(path);
  try {
    await raw.take(18);
    raw.send(Buffer.from([0, 0, 0, 3]));
    if (phase === 'option') {
      raw.send(bytes);
      const said = await optionAnswer(raw);
      if (said === 'hangs up') return said;
      raw.send(option(99));
      return `${said}, then ${await optionAnswer(raw)}`;
    }
    raw.send(go);
    await optionAnswer(raw);
    raw.send(bytes);
    const said = await replyOf(raw, bytes);
    if (said === 'hangs up') return said;
    raw.send(request(0, 0, 0n, 512));
    return `${said}, then ${await replyOf(raw, request(0, 0, 0n, 512))}`;
  } finally {
    raw.close();
  }
}

/** All replies up to an acknowledgement or an error; of an error only that it is one, and which. */
async function optionAnswer(raw: RawNbd): Promise<string> {
  for (;;) {
    const head = await raw.take(20);
    if (head === undefined) return 'hangs up';
    if ((await raw.take(head.readUInt32BE(16))) === undefined) return 'hangs up';
    const code = head.readUInt32BE(12);
    if (code === 1) return 'ack';
    if (code >= 0x8000_0000) return `error ${String(code - 0x8000_0000)}`;
  }
}

async function replyOf(raw: RawNbd, asking: Uint8Array): Promise<string> {
  const head = await raw.take(16);
  if (head === undefined || head.readUInt32BE(0) !== 0x67446698) return 'hangs up';
  const error = head.readUInt32BE(4);
  const view = Buffer.from(asking);
  if (error === 0 && view.readUInt16BE(6) === 0) await raw.take(view.readUInt32BE(24));
  return error === 0 ? 'done' : `error ${String(error)}`;
}

itNeeding(
  { programs: ['nbdkit', 'qemu-nbd'] },
  'answers as nbdkit and qemu-nbd do, but where it is said why not',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-differential-'));
    const place = (name: string): string => join(folder, `${name}.sock`);
    const image = join(folder, 'image.raw');
    await writeFile(image, Buffer.alloc(sizeBytes));
    const server = createNbdServer({ exports: [memoryExport({ name: '', sizeBytes })] });
    await server.listen({ socketPath: place('holdfast') });
    await using nbdkit = start('nbdkit', ['-f', '-U', place('nbdkit'), 'memory', String(sizeBytes)]);
    await using qemu = start('qemu-nbd', ['-k', place('qemu-nbd'), '-f', 'raw', '-t', '-e', '0', image]);
    const differences: string[] = [];
    const unneeded = new Set(accepted.map(({ question, than }) => `${than}: ${question}`));
    try {
      for (const question of questions) {
        const [own = '', ...others] = await Promise.all(
          servers.map((name) => answerOf(place(name), question)),
        );
        for (const [index, answer] of others.entries()) {
          const than = `${String(servers[index + 1])}: ${question.name}`;
          if (answer !== own && !unneeded.delete(than))
            differences.push(`${than}: we "${own}", it "${answer}"`);
        }
      }
      expect([nbdkit.hasExited, qemu.hasExited]).toEqual([false, false]);
    } finally {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    }
    expect(differences).toEqual([]);
    expect([...unneeded], 'accepted differences that are none any more').toEqual([]);
  },
);
