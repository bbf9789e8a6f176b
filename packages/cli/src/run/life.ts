import { exitWithParent } from '@holdfast/adapter-loopback';

/** Why a long-running command ends: a signal, the end of the parent that started it, or a failure of its own. */
export interface Life {
  /** Settles with the reason, once. */
  readonly ended: Promise<string>;
  /** The boot id that a supervisor chose for this life. */
  readonly bootId: string | undefined;
  end(reason: string): void;
}

const stopSignals = ['SIGTERM', 'SIGINT'] as const;

/** A second signal while stopping ends the process at once. */
export function startLife(): Life {
  let end: (reason: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => (end = resolve));
  let asked = false;
  for (const signal of stopSignals) {
    process.on(signal, () => {
      if (asked) process.exit(130);
      asked = true;
      end(signal);
    });
  }
  const bootId = exitWithParent(() => end('the parent process ended'));
  return { ended, bootId, end: (reason) => end(reason) };
}
