import { Cluster } from '../../../packages/core/test/resource-reservation/cluster.js';
import { hostOf, machineOf } from '../../../packages/core/test/resource-reservation/script.js';
import { type Story } from '../story.js';

/** A host loses its datastore; the coordinator is lost on the way, and so is the agent. Each start is a story of its own. */
export function resourceReservationStories(): Story[] {
  const cluster = new Cluster({
    hosts: [hostOf('h1', 8_000, 16_384), hostOf('h2', 8_000, 16_384), hostOf('h3', 8_000, 16_384)],
    machines: [machineOf('db', 'h1', 4, 2_000, 4_096), machineOf('web', 'h1', 2, 1_000, 2_048)],
  });
  const component = 'datastore:gold';
  cluster.give('h1', { kind: 'component-lost', incidentId: 'i1', component, loss: 'all-paths-down' });
  cluster.pass(200_000);
  cluster.startCoordinator();
  cluster.setHost(hostOf('h2', 9_000, 16_384));
  cluster.pass(121_000);
  cluster.startAgent('h1');
  cluster.pass(60_000);
  return cluster.lives.map(({ name, options, startedAt, events }) => ({
    policy: 'resource-reservation',
    title: `${name}, start ${options.incarnation}`,
    at: startedAt,
    options,
    events,
  }));
}
