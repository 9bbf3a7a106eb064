/** Files that are opened to be read. */
import type { Path } from "../engine/arguments.ts"
import { define, PENDING, UNFIT } from "../engine/operation.ts"
import { canStayOpen, openFileCached } from "../native/nonblocking.ts"
import { closeDescriptor } from "../native/threadCleanup.ts"
import { type OpenOptions, open } from "./paths.ts"

/**
 * `open`, tried on the spot: a regular file whose name is in the caches. For those who see to the descriptor whatever happens: an answer on the
 * spot has no request that could be an orphan.
 */
export const openFile = define((path: Path, options?: OpenOptions) => open(path, options).input, {
  ...open.entry,
  inline: ({ a1, a2, cell }, { at }) => {
    if (at !== undefined) return UNFIT
    const fd = openFileCached(a1 as number, a2 as number, cell)
    if (fd < 0) return PENDING
    if (canStayOpen(fd, a2 as number, cell)) return fd
    closeDescriptor(fd)
    return PENDING
  }
})
