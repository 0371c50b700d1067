import { describe, expect, it } from 'vitest';
import { Steering, type Sample } from '../src/steering.ts';

/** A player in a simulated live stream: parts come on time, then travel for `travel_s`. */
class Simulation {
  now_s = 100;
  position_s: number;
  stalls = 0;
  /** Time lost to a slow link, for as long as it is set. */
  travel_s = 0.03;
  following = true;
  source_live = true;
  readonly part_s: number;
  readonly steering: Steering;
  rates: number[] = [];
  jumps = 0;
  #stalled = false;
  #buffered_to_s = 0;
  #source_end_s: number | null = null;

  constructor(behind_s: number, part_s = 0.25, steering = new Steering({ part_s })) {
    this.part_s = part_s;
    this.steering = steering;
    this.position_s = this.now_s - behind_s;
  }

  get distance_s(): number {
    return this.edge_s + this.age_s - this.position_s;
  }
  get edge_s(): number {
    return Math.floor(this.source_s / this.part_s) * this.part_s;
  }
  get source_s(): number {
    return this.#source_end_s ?? this.now_s;
  }
  get age_s(): number {
    return this.now_s - this.edge_s;
  }
  interrupt(): void {
    this.source_live = false;
    this.#source_end_s = this.now_s;
  }

  run(seconds: number): void {
    const step_s = 0.05;
    for (let index = 0; index < seconds / step_s; index += 1) {
      this.now_s += step_s;
      const delivered_s = Math.floor((Math.min(this.source_s, this.now_s) - this.travel_s) / this.part_s) * this.part_s;
      this.#buffered_to_s = Math.max(this.#buffered_to_s, delivered_s);
      const buffer_s = Math.max(0, this.#buffered_to_s - this.position_s);
      const playing = !this.#stalled;
      if (playing && buffer_s <= 0) {
        this.#stalled = true;
        if (this.source_live) {
          this.stalls += 1;
          this.steering.stalled(this.now_s);
        }
      } else if (this.#stalled && buffer_s > 0.1) this.#stalled = false;
      const sample: Sample = {
        now_s: this.now_s,
        distance_s: this.distance_s,
        buffer_s,
        edge_age_s: this.age_s,
        playing,
        following: this.following,
        source_live: this.source_live,
      };
      const command = this.steering.tick(sample);
      this.rates.push(command.rate);
      if (command.jump_to_s !== null) {
        this.jumps += 1;
        this.position_s = this.now_s - command.jump_to_s;
      } else if (playing) this.position_s = Math.min(this.#buffered_to_s, this.position_s + step_s * command.rate);
    }
  }
}

describe('a steady link', () => {
  it('brings a viewer who started two seconds late to within half a second of the edge, without a stall', () => {
    const simulation = new Simulation(2);
    simulation.run(30);
    expect(simulation.stalls).toBe(0);
    expect(simulation.jumps).toBe(0);
    expect(simulation.distance_s).toBeLessThan(0.5);
  });

  it('ends at the same distance for one who came early and one who came late', () => {
    const early = new Simulation(0.3);
    const late = new Simulation(4.8);
    early.run(60);
    late.run(60);
    expect(Math.abs(early.distance_s - late.distance_s)).toBeLessThan(0.1);
    expect(early.stalls + late.stalls).toBeLessThanOrEqual(1);
  });

  it('settles: once there, the rate is exactly 1', () => {
    const simulation = new Simulation(1.5);
    simulation.run(40);
    simulation.rates = [];
    simulation.run(20);
    expect(simulation.rates.filter((rate) => rate !== 1).length / simulation.rates.length).toBeLessThan(0.2);
  });

  it('keeps the rate between 0.95 and 1.25, and changes it smoothly', () => {
    const simulation = new Simulation(5.5);
    simulation.run(60);
    expect(Math.max(...simulation.rates)).toBeLessThanOrEqual(1.25);
    expect(Math.min(...simulation.rates)).toBeGreaterThanOrEqual(0.95);
    const steps = simulation.rates.slice(1).map((rate, index) => Math.abs(rate - simulation.rates[index]!));
    expect(Math.max(...steps)).toBeLessThan(0.04);
  });
});

describe('a link that changes', () => {
  it('goes further back when parts come later, before the buffer runs dry more than twice', () => {
    const simulation = new Simulation(0.55);
    simulation.run(20);
    const before_s = simulation.steering.target_s;
    simulation.travel_s = 0.3;
    simulation.run(15);
    expect(simulation.steering.target_s).toBeGreaterThan(before_s + 0.2);
    expect(simulation.stalls).toBeLessThanOrEqual(2);
  });

  it('comes closer again when the link is quick again', () => {
    const simulation = new Simulation(0.55);
    simulation.travel_s = 0.5;
    simulation.run(30);
    const far_s = simulation.steering.target_s;
    simulation.travel_s = 0.03;
    simulation.run(60);
    expect(simulation.steering.target_s).toBeLessThan(far_s - 0.3);
    expect(simulation.distance_s).toBeLessThan(0.6);
  });

  it('adds a quarter of a second for a stall, and takes it back after a while', () => {
    const steering = new Steering();
    const before_s = steering.target_s;
    steering.stalled(10);
    expect(steering.target_s).toBeCloseTo(before_s + 0.25, 5);
    const simulation = new Simulation(1, 0.25, steering);
    simulation.run(60);
    expect(steering.target_s).toBeLessThan(before_s);
  });

  it('never asks for more than its limit, however often it stalls', () => {
    const steering = new Steering({ max_target_s: 3 });
    for (let index = 0; index < 100; index += 1) steering.stalled(index);
    expect(steering.target_s).toBeLessThanOrEqual(3);
  });
});

describe('far behind', () => {
  it('jumps once when more than six seconds behind', () => {
    const simulation = new Simulation(9);
    simulation.run(5);
    expect(simulation.jumps).toBe(1);
    expect(simulation.distance_s).toBeLessThan(0.9);
  });

  it('does not jump, nor hurry, while the viewer wants to stay behind', () => {
    const simulation = new Simulation(9);
    simulation.following = false;
    simulation.run(10);
    expect(simulation.jumps).toBe(0);
    expect(new Set(simulation.rates)).toEqual(new Set([1]));
  });
});

describe('an interrupted source', () => {
  it('teaches nothing: the target stays what it was', () => {
    const simulation = new Simulation(0.55);
    simulation.run(20);
    const before_s = simulation.steering.target_s;
    simulation.interrupt();
    simulation.run(30);
    expect(simulation.steering.target_s).toBeCloseTo(before_s, 1);
    expect(simulation.jumps).toBe(0);
  });
});

it('ignores samples without numbers', () => {
  const steering = new Steering();
  const command = steering.tick({
    now_s: 1,
    distance_s: Number.NaN,
    buffer_s: 0,
    edge_age_s: Number.POSITIVE_INFINITY,
    playing: true,
    following: true,
    source_live: true,
  });
  expect(command).toEqual({ rate: 1, target_s: steering.target_s, jump_to_s: null });
});

it('takes whole segments as parts where a stream has none', () => {
  const simulation = new Simulation(4, 2);
  simulation.run(60);
  expect(simulation.stalls).toBe(0);
  expect(simulation.distance_s).toBeLessThan(2.5);
});

describe('a break of the source', () => {
  it('takes back the stalls that it explains', () => {
    const steering = new Steering({ part_s: 0.25 });
    const before_s = steering.target_s;
    steering.stalled(100);
    steering.stalled(101);
    expect(steering.target_s).toBeGreaterThan(before_s);
    steering.broke(102);
    expect(steering.target_s).toBe(before_s);
  });

  it('excuses what comes right after it, and nothing else', () => {
    const steering = new Steering({ part_s: 0.25 });
    steering.stalled(50);
    const after_s = steering.target_s;
    steering.broke(100);
    steering.stalled(101);
    expect(steering.target_s).toBe(after_s);
    steering.stalled(103);
    expect(steering.target_s).toBeGreaterThan(after_s);
  });
});

it('comes close again soon after a very slow link has become quick', () => {
  const player = new Simulation(1);
  player.travel_s = 3;
  player.run(30);
  expect(player.steering.target_s).toBeGreaterThan(2.5);
  player.travel_s = 0.03;
  player.run(45);
  expect(player.steering.target_s).toBeLessThan(1.2);
  expect(player.jumps).toBe(0);
});
