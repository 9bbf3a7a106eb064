/** What is known and done about descriptors without a request, and what an open file remembers between its requests. */
import { type Alignment, directAlignment } from "../native/direct.ts"
import { closeDescriptor, disownDescriptor, ownDescriptor } from "../native/estate.ts"
import { takesOffsets, type Way } from "../native/positions.ts"
import { type Trust, UNASKED } from "../native/trust.ts"
import { checkFd, type Path } from "./arguments.ts"

/** What can be known of a descriptor without waiting. */
export interface Description {
  /** Whether it can be read at an offset: not pipes, sockets, terminals. */
  readonly seekable: boolean
  /** What O_DIRECT asks of buffers, lengths and offsets; `undefined` for files that go through the page cache. */
  readonly alignment: Alignment | undefined
}

/** What is to be known and done about descriptors without a request. */
export interface Descriptors {
  readonly describe: (fd: number, direct: boolean) => Description
  /** Whether it can be read, or written, at an offset. */
  readonly takesOffsets: (fd: number, writes: boolean) => boolean
  /** For a descriptor that no backend is left to close. */
  readonly close: (fd: number) => void
  /** It is closed with this thread, however that ends. */
  readonly own: (fd: number) => void
  /** It is about to be closed. */
  readonly disown: (fd: number) => void
}

/** Those of this process. */
export const nativeDescriptors: Descriptors = {
  describe: (fd, direct) => ({
    seekable: takesOffsets(fd, false),
    alignment: direct ? directAlignment(fd) : undefined
  }),
  takesOffsets,
  close: closeDescriptor,
  own: ownDescriptor,
  disown: disownDescriptor
}

/** Closes what no backend is left to close. Gives what is wrong with the number, if anything is. */
export const closeAtOnce = (descriptors: Descriptors, fd: number): unknown => {
  try {
    descriptors.close(checkFd(fd))
    return undefined
  } catch (problem) {
    return problem
  }
}

/** What is known about an open file; shared by all its requests. */
export interface FileState extends Description {
  /** What it was opened by, for messages. */
  readonly path: Path | undefined
  /** Whether reading with RWF_NOWAIT is possible and does not wait: not for O_DIRECT, nor where it said EOPNOTSUPP. */
  noWait: boolean
  /** What may run its transfers, once that was asked. */
  way: Way | undefined
  /** Whether its transfers keep to it. */
  trust: Trust
  /** Its number may be another file's by now. */
  closed: boolean
  /** Requests that name its descriptor and have not ended: it is not closed before they have. */
  users: number
  /** Called when the last of them has ended. */
  onUnused: (() => void) | undefined
}

/** Property by property: made for every small file that is loaded, where a spread would cost more than anything else. */
export const fileState = ({ alignment, seekable }: Description, path?: Path): FileState => ({
  path,
  seekable,
  alignment,
  noWait: alignment === undefined,
  way: undefined,
  trust: UNASKED,
  closed: false,
  users: 0,
  onUnused: undefined
})
