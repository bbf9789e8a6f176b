import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { parseRelayCommand, type RelayAnswer } from './protocol.js';
import { Relay } from './relay.js';

export interface RelayProgramOptions {
  readonly listenPath: string;
  readonly targetPath: string;
  /** Unix socket on which commands come. */
  readonly commandPath: string;
}

/** Runs a relay until `until` settles. */
export async function runRelay(options: RelayProgramOptions, until: Promise<unknown>): Promise<void> {
  const relay = new Relay(options.listenPath, options.targetPath);
  await relay.listen();
  const commands = createServer((socket) => {
    socket.on('error', () => undefined);
    createInterface({ input: socket }).on('line', (line) => {
      const command = parseRelayCommand(line);
      let answer: RelayAnswer = { ok: false, reason: `not understood: ${line}` };
      if (command !== undefined) {
        relay.set(command.direction, command.passage);
        answer = { ok: true, swallowedBytes: relay.swallowedBytes };
      }
      socket.write(`${JSON.stringify(answer)}\n`);
    });
  });
  commands.listen(options.commandPath);
  await once(commands, 'listening');
  await until;
  commands.close();
  await relay.close();
}
