/** Node 20 starts no worker from TypeScript, and a worker does not inherit the loader: it registers its own. */
import { register } from "tsx/esm/api"

register()
await import("./inWorker.ts")
