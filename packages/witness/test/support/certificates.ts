import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { WitnessTls } from '../../src/node/tls.js';

const execute = promisify(execFile);

/** Nothing to type into, and an end: a program that hangs is named, not waited for until the test's time is over. */
async function run(program: string, args: readonly string[], cwd?: string): Promise<void> {
  const running = execute(program, args, {
    timeout: 20_000,
    killSignal: 'SIGKILL',
    ...(cwd === undefined ? {} : { cwd }),
  });
  running.child.stdin?.end();
  await running;
}

/** Undefined when there is no openssl; with HOLDFAST_REQUIRE_CLIENTS=1 that is an error. */
export async function opensslMissing(): Promise<string | undefined> {
  try {
    await run('openssl', ['version']);
    return undefined;
  } catch (error) {
    if (process.env['HOLDFAST_REQUIRE_CLIENTS'] === '1') throw error;
    return 'openssl is not installed';
  }
}

/** A certificate authority in a folder, for one test. */
export class Authority {
  private serial = 0;

  private constructor(
    private readonly folder: string,
    private readonly name: string,
  ) {}

  static async create(folder: string, name = 'authority'): Promise<Authority> {
    const authority = new Authority(folder, name);
    await authority.openssl([
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.crt`],
    ]);
    return authority;
  }

  /** @param names alternative names, such as `URI:holdfast://lab/node/P`. */
  async issue(file: string, names: readonly string[]): Promise<WitnessTls> {
    await this.openssl([
      ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-subj', `/CN=${file}`, '-keyout', `${file}.key`, '-out', `${file}.csr`],
    ]);
    const lines = names.length === 0 ? 'basicConstraints=CA:FALSE' : `subjectAltName=${names.join(',')}`;
    await writeFile(join(this.folder, `${file}.ext`), `${lines}\n`);
    await this.openssl([
      ...['x509', '-req', '-in', `${file}.csr`, '-days', '2', '-extfile', `${file}.ext`],
      ...[
        '-CA',
        `${this.name}.crt`,
        '-CAkey',
        `${this.name}.key`,
        '-set_serial',
        this.nextSerial(),
        '-out',
        `${file}.crt`,
      ],
    ]);
    const read = (name: string): Promise<string> => readFile(join(this.folder, name), 'utf8');
    return {
      certificatePem: await read(`${file}.crt`),
      keyPem: await read(`${file}.key`),
      authorityPem: await read(`${this.name}.crt`),
    };
  }

  /** Certificates are made side by side, so no file may keep the count. */
  private nextSerial(): string {
    this.serial += 1;
    return String(this.serial);
  }

  private async openssl(args: readonly string[]): Promise<void> {
    await run('openssl', args, this.folder);
  }
}
