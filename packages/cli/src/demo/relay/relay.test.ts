import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runRelay } from './program.js';
import { parseRelayCommand } from './protocol.js';
import { commandRelay } from './remote.js';

describe('the relay', () => {
  let folder = '';
  let echo: Server;
  let stop: () => void = () => undefined;
  let running: Promise<void> = Promise.resolve();
  const clients: Socket[] = [];
  const path = (name: string): string => join(folder, name);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-relay-'));
    echo = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    echo.listen(path('echo.sock'));
    await once(echo, 'listening');
    const until = new Promise<void>((resolve) => (stop = resolve));
    running = runRelay(
      { listenPath: path('in.sock'), targetPath: path('echo.sock'), commandPath: path('command.sock') },
      until,
    );
    while (!(await reachable(path('command.sock')))) await new Promise((resolve) => setImmediate(resolve));
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    stop();
    await running;
    echo.close();
    await rm(folder, { recursive: true, force: true });
  });

  const open = async (): Promise<Socket> => {
    const client = connect(path('in.sock'));
    client.on('error', () => undefined);
    clients.push(client);
    await once(client, 'connect');
    return client;
  };

  it('carries bytes both ways', async () => {
    const client = await open();
    client.write('hello');
    const [back] = (await once(client, 'data')) as [Buffer];
    expect(back.toString()).toBe('hello');
  });

  it.each(['forward', 'backward'] as const)(
    'swallows %s without a word, and resets what lost bytes when it passes again',
    async (direction) => {
      const client = await open();
      client.write('first');
      await once(client, 'data');
      await commandRelay(path('command.sock'), { direction, passage: 'swallow' });
      let heard = '';
      client.on('data', (chunk: Buffer) => (heard += chunk.toString()));
      client.write('second');
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(heard).toBe('');
      expect(client.destroyed).toBe(false);
      const closed = once(client, 'close');
      await commandRelay(path('command.sock'), { direction, passage: 'pass' });
      await closed;
      const again = await open();
      again.write('third');
      const [back] = (await once(again, 'data')) as [Buffer];
      expect(back.toString()).toBe('third');
    },
  );

  it('accepts connections while cut, and tells them nothing', async () => {
    await commandRelay(path('command.sock'), { direction: 'forward', passage: 'swallow' });
    const client = await open();
    client.write('anybody?');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(client.bytesRead).toBe(0);
    expect(client.destroyed).toBe(false);
  });

  it('understands nothing but its commands', () => {
    expect(parseRelayCommand('{"direction":"forward","passage":"pass"}')).toEqual({
      direction: 'forward',
      passage: 'pass',
    });
    for (const line of [
      '',
      'pass',
      '{}',
      '{"direction":"up","passage":"pass"}',
      '{"direction":"forward","passage":1}',
      'null',
    ]) {
      expect(parseRelayCommand(line)).toBeUndefined();
    }
  });
});

async function reachable(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
