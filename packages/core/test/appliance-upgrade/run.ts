import { Plant, type PlantOptions } from './plant.js';

/** A whole upgrade, with a word of confirmation whenever it waits for one. */
export function run(prepare: (plant: Plant) => void, given: PlantOptions = {}): Plant {
  const plant = new Plant({ ...given, plan: { isHighlyAvailable: true, ...given.plan } });
  prepare(plant);
  plant.start();
  for (let round = 0; round < 4 && plant.state.record?.end === undefined; round += 1) {
    plant.pass(600_000);
    if (plant.state.confirmBy !== undefined) plant.command({ kind: 'confirm' });
  }
  plant.pass(10_000);
  return plant;
}
