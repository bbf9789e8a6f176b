import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { RelayCommand } from './protocol.js';

/** Tells a relay process one thing, and waits until it is so. */
export async function commandRelay(commandPath: string, command: RelayCommand): Promise<void> {
  const socket = connect(commandPath);
  try {
    await once(socket, 'connect');
    socket.write(`${JSON.stringify(command)}\n`);
    const lines = createInterface({ input: socket });
    const [answer] = (await once(lines, 'line', { signal: AbortSignal.timeout(2_000) })) as [string];
    if (!answer.includes('"ok":true')) throw new Error(`the relay refused: ${answer}`);
  } finally {
    socket.destroy();
  }
}
