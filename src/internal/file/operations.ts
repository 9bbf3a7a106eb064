/** The operations of an open file as values. */
import type { Offset } from "../engine/arguments.ts"
import type { FileState } from "../engine/openDescriptor.ts"
import { type Operation, operation } from "../engine/operation.ts"
import * as catalogue from "../operation/catalogue.ts"
import {
  type Advice,
  type AllocateOptions,
  type RangeOptions,
  type TransferOptions,
  transfersOfFile
} from "../operation/descriptors.ts"
import type { Stat } from "../operation/metadata.ts"

/**
 * What an open file can be asked, as values: for `Aio.submitAll`, `Aio.linked`, `Aio.completed`, `Aio.prepare` and groups. The file's
 * Scope waits for requests made of them, as it does for its methods; those of `Aio.request` with its `fd` it does not know.
 */
export interface FileRequests {
  readonly read: (buffer: Uint8Array, options?: TransferOptions) => Operation<number>
  readonly readv: (buffers: ReadonlyArray<Uint8Array>, options?: TransferOptions) => Operation<number>
  readonly write: (buffer: Uint8Array, options?: TransferOptions) => Operation<number>
  readonly writev: (buffers: ReadonlyArray<Uint8Array>, options?: TransferOptions) => Operation<number>
  readonly sync: Operation<void>
  readonly datasync: Operation<void>
  readonly stat: Operation<Stat>
  readonly truncate: (length?: Offset) => Operation<void>
  readonly allocate: (options: AllocateOptions) => Operation<void>
  readonly advise: (advice: Advice, options?: RangeOptions) => Operation<void>
  readonly readahead: (options: { readonly offset?: Offset | undefined; readonly length: number }) => Operation<void>
}

/** An operation on the descriptor that belongs to the file. */
export const ofFile = <A>({ entry, input }: Operation<A>, file: FileState): Operation<A> =>
  operation(entry, { ...input, file })

export const fileRequests = (fd: number, file: FileState): FileRequests => ({
  read: (buffer, options) => transfersOfFile.read(fd, buffer, options, file),
  readv: (buffers, options) => transfersOfFile.readv(fd, buffers, options, file),
  write: (buffer, options) => transfersOfFile.write(fd, buffer, options, file),
  writev: (buffers, options) => transfersOfFile.writev(fd, buffers, options, file),
  sync: ofFile(catalogue.fsync(fd), file),
  datasync: ofFile(catalogue.fdatasync(fd), file),
  stat: ofFile(catalogue.fstat(fd), file),
  truncate: (length) => ofFile(catalogue.ftruncate(fd, length), file),
  allocate: (options) => ofFile(catalogue.fallocate(fd, options), file),
  advise: (advice, options) => ofFile(catalogue.fadvise(fd, advice, options), file),
  readahead: (options) => ofFile(catalogue.readahead(fd, options), file)
})
