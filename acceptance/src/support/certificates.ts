import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './programs.js';

/** An authority of one's own and what it signs, by the recipe of the first steps: nothing but OpenSSL. */
export class Authority {
  private constructor(private readonly folder: string) {}

  static async create(folder: string): Promise<Authority> {
    await mkdir(folder, { recursive: true });
    const authority = new Authority(folder);
    await run('openssl', [
      ...['req', '-x509', '-newkey', 'ed25519', '-nodes', '-days', '2', '-subj', '/CN=acceptance authority'],
      ...['-keyout', authority.keyFile, '-out', authority.certificateFile],
    ]);
    return authority;
  }

  get certificateFile(): string {
    return join(this.folder, 'authority.pem');
  }

  private get keyFile(): string {
    return join(this.folder, 'authority.key');
  }

  /**
   * Gives a folder `own.pem`, `own.key` and `authority.pem`, also under the names that QEMU and libnbd look for.
   *
   * @param names alternative names, such as `IP:127.0.0.1`.
   * @param trusted whom the owner believes, when not the one who signs.
   */
  async equip(folder: string, names: readonly string[], trusted: Authority = this): Promise<void> {
    await mkdir(folder, { recursive: true });
    const file = (name: string): string => join(folder, name);
    await run('openssl', [
      ...['req', '-newkey', 'ed25519', '-nodes', '-subj', '/CN=acceptance'],
      ...['-keyout', file('own.key'), '-out', file('own.csr')],
      ...['-addext', `subjectAltName=${names.join(',')}`],
    ]);
    await run('openssl', [
      ...['x509', '-req', '-in', file('own.csr'), '-CA', this.certificateFile, '-CAkey', this.keyFile],
      ...['-days', '2', '-copy_extensions', 'copy', '-out', file('own.pem')],
    ]);
    await copyFile(trusted.certificateFile, file('authority.pem'));
    await copyFile(trusted.certificateFile, file('ca-cert.pem'));
    await copyFile(file('own.pem'), file('client-cert.pem'));
    await copyFile(file('own.key'), file('client-key.pem'));
  }
}
