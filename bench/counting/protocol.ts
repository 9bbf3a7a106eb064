/** What the process that counts tells the one that started it. */
import type { BackendName } from "../sides/aio.ts"
import type { Counts } from "./counts.ts"

export type Message =
  | { readonly kind: "row"; readonly backend: BackendName; readonly row: string; readonly counts: Counts }
  /** The backend cannot be had here. */
  | { readonly kind: "unavailable"; readonly backend: BackendName; readonly reason: string }
