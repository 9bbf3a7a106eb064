/** What a run was asked to do. */
import type { Fixtures } from "./fixtures.ts"
import type { Effort } from "./measure.ts"
import type { BackendName } from "./sides/aio.ts"

export interface Settings {
  readonly fixtures: Fixtures
  readonly effort: Effort
  /** At least one; ratios are relative to the first. */
  readonly backends: ReadonlyArray<BackendName>
}
