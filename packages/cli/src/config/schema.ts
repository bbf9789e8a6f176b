import { defaultTuning } from '@holdfast/volume';
import { timingProfiles } from '@holdfast/core';
import { z } from 'zod';
import { shown } from './problems.js';
import { parseSize } from './size.js';
import { eitherOf, nearestWord } from './words.js';

// Every leaf says what would be right; `load.ts` puts the key and the line before it.

function wants(what: string): { error: (issue: { readonly input?: unknown }) => string } {
  return {
    error: ({ input }) =>
      input === undefined ? `is missing; write ${what}` : `${shown(input)} stands here; write ${what}`,
  };
}

/** A mapping with these keys only. A key that is none of them is named, with the one that was probably meant. */
function mapping<Shape extends z.core.$ZodLooseShape>(what: string, shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return wants(`a mapping for ${what}`).error(issue);
      const keys = Array.isArray(issue.keys) ? issue.keys : [];
      return keys
        .map((key) => {
          const meant = nearestWord(key, known);
          return `unknown key '${key}'${meant === undefined ? '' : `, did you mean '${meant}'?`} Known here: ${known.join(', ')}`;
        })
        .join('; ');
    },
  });
}

function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, {
    error: ({ input }) => {
      const meant = typeof input === 'string' ? nearestWord(input, words) : undefined;
      return `${wants(eitherOf(words)).error({ input })}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`;
    },
  });
}

const name = z
  .string(wants('a name'))
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    wants('a name of letters, digits, dot, dash and underscore, at most 63 long'),
  );
/** As certificates carry them: hosts, addresses in numbers, and URIs such as holdfast://CLUSTER/node/NAME. */
const certificateName = z
  .string(wants('a name that stands in a certificate'))
  .regex(/^[A-Za-z0-9:][A-Za-z0-9._:/-]{0,252}$/, wants('a name that stands in a certificate'));
const path = z.string(wants('a path')).min(1, wants('a path'));
const addressForm = /^unix:.+$|^tcp:(\[[0-9a-fA-F:.]+\]|[^:[\]]+):\d{1,5}$/;
const address = z
  .string(wants('an address: unix:PATH, tcp:HOST:PORT or tcp:[IPV6]:PORT'))
  .regex(addressForm, wants('an address: unix:PATH, tcp:HOST:PORT or tcp:[IPV6]:PORT'));
const milliseconds = z
  .number(wants('a number of milliseconds'))
  .min(0, wants('a number of milliseconds, 0 or more'));
const count = z
  .number(wants('a whole number'))
  .int(wants('a whole number'))
  .min(0, wants('a whole number, 0 or more'));
const size = z.unknown().transform((written, context) => {
  const bytes = parseSize(written);
  if (bytes !== undefined) return bytes;
  context.addIssue({
    code: 'custom',
    message: wants('a size such as 256MiB, 10GiB or 4096 (bytes)').error({ input: written }),
    input: written,
  });
  return z.NEVER;
});

const tls = mapping('TLS', {
  certificate: path.optional(),
  key: path.optional(),
  authority: path.optional(),
  peerNames: z.array(certificateName, wants('a list of names')).optional(),
  presharedKey: path.optional(),
});
export type TlsConfig = z.infer<typeof tls>;

/** Where something listens: an address alone, or with the TLS that TCP needs. */
const endpoint = z.union([address, mapping('an endpoint', { listen: address, tls: tls.optional() })]);
const tuningKeys = Object.keys(defaultTuning);
const sizesOfTuning = tuningKeys.filter((key) => key.endsWith('Bytes') || key.includes('Bytes'));
const tuning = mapping(
  'tuning',
  Object.fromEntries(
    tuningKeys.map((key) => {
      const unlimited = key === 'resyncRateBytesPerSecond';
      if (unlimited) return [key, z.union([z.literal(0), size]).optional()];
      if (sizesOfTuning.includes(key)) return [key, size.optional()];
      return [key, key.endsWith('Ms') ? milliseconds.optional() : count.optional()];
    }),
  ),
);

const leg = mapping('a leg', {
  data: path,
  metadata: path,
  content: oneOf(['zeros', 'adopt']).optional(),
  simulatePowerLoss: z.boolean(wants('true or false')).optional(),
});

const node = mapping('a node', {
  role: oneOf(['preferred', 'nonPreferred']),
  store: path,
  control: endpoint,
  peerLink: mapping('the link to the other node', {
    listen: address.optional(),
    dial: address.optional(),
    tls: tls.optional(),
  }).optional(),
  paths: endpoint,
  nbd: endpoint.optional(),
  legs: z.record(name, leg, wants('a mapping from volume to leg')),
  tuning: tuning.optional(),
  readMode: oneOf(['leased', 'confirmed']).optional(),
});

const timingNumbers = Object.fromEntries(
  Object.keys(timingProfiles.lan).map((key) => [key, milliseconds.optional()]),
);
const timing = z.union([
  oneOf(['lan', 'metro']),
  mapping('timing', { profile: oneOf(['lan', 'metro']), ...timingNumbers }),
]);

export const configSchema = mapping('the configuration', {
  cluster: name,
  group: name,
  timing: timing.optional(),
  faultModel: z.union([oneOf(['mediator']), mapping('a fault model', { preElected: name })]).optional(),
  volumes: z.record(name, mapping('a volume', { size }), wants('a mapping from volume to its size')),
  witness: mapping('the witness', {
    listen: address,
    store: path.optional(),
    bootToken: path.optional(),
    tls: tls.optional(),
  }).optional(),
  nodes: z.record(name, node, wants('a mapping with two nodes')),
  initiator: mapping('the initiator', {
    nbd: endpoint,
    initiatorId: name.optional(),
    onNoSurvivor: mapping('what hosts see while nobody serves', {
      holdMs: milliseconds,
      then: oneOf(['hold', 'error']),
    }).optional(),
  }).optional(),
});

/** The file as it stands, with sizes in bytes. */
export type RawConfig = z.infer<typeof configSchema>;
