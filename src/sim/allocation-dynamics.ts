/** How steadily the memory of VMs follows what is decided about it, second by second. */
import type { HostMemory } from "../vmm/host-memory/host-memory.ts";
import type { VmMemory } from "../vmm/host-memory/vm-memory.ts";
import { Reversals } from "./reversals.ts";

/**
 * Of configured memory: swings that count as such, and how near its target a VM has reached it. The usual settling band of
 * control engineering (2 or 5 %: Ogata, Modern Control Engineering, section 5-3); the larger, since a balloon's step may be 5 %.
 */
const BAND = 0.05;

interface Course {
  readonly reversals: Reversals;
  /** Away from its target since it was last looked at. */
  away: boolean;
}

export class AllocationDynamics {
  readonly #memory: HostMemory;
  #courses: Course[] = [];
  /** Sums over VMs of samples, of those at the VM's minimum, and of those away from the target; times somebody left it. */
  #samples = 0;
  #atMinimum = 0;
  #awaySamples = 0;
  #departures = 0;

  constructor(memory: HostMemory) {
    this.#memory = memory;
    this.beginWindow();
  }

  beginWindow(): void {
    this.#courses = [];
    this.#samples = 0;
    this.#atMinimum = 0;
    this.#awaySamples = 0;
    this.#departures = 0;
  }

  /** A second is over. */
  sample(): void {
    for (const vm of this.#memory.vms) {
      if (vm.evicted) continue;
      const course = (this.#courses[vm.index] ??= { reversals: new Reversals(BAND * vm.pages), away: false });
      course.reversals.add(vm.left);
      this.#samples++;
      if (isAtMinimum(vm)) this.#atMinimum++;
      const away = vm.offTarget > BAND * vm.pages;
      if (away && !course.away) this.#departures++;
      if (away) this.#awaySamples++;
      course.away = away;
    }
  }

  /** Over the measured window; times that nobody spent are absent. */
  get metrics(): Record<string, number> {
    if (this.#samples === 0) return {};
    const reversals = this.#courses.reduce((sum, course) => sum + course.reversals.count, 0);
    return {
      memory_reversals_per_vm_hour: (3600 * reversals) / this.#samples,
      ...(this.#departures > 0 && { time_to_target_s: this.#awaySamples / this.#departures }),
      ...(this.#atMinimum > 0 && { time_at_minimum_percent: (100 * this.#atMinimum) / this.#samples }),
    };
  }
}

/** No smaller than its policy makes any VM, or its balloon as large as it gets. */
function isAtMinimum(vm: VmMemory): boolean {
  return vm.left <= vm.least || vm.ballooned >= vm.balloonLimit;
}
