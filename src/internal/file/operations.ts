/** The operations of an open file as values. */
import type { Offset } from "../engine/arguments.ts"
import type { OpenDescriptor } from "../engine/openDescriptor.ts"
import type { Operation } from "../engine/operation.ts"
import * as catalogue from "../operation/catalogue.ts"
import type { Advice, AllocateOptions, RangeOptions, TransferOptions } from "../operation/descriptors.ts"
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

export const fileRequests = (file: OpenDescriptor): FileRequests => ({
  read: (buffer, options) => catalogue.read(file, buffer, options),
  readv: (buffers, options) => catalogue.readv(file, buffers, options),
  write: (buffer, options) => catalogue.write(file, buffer, options),
  writev: (buffers, options) => catalogue.writev(file, buffers, options),
  sync: catalogue.fsync(file),
  datasync: catalogue.fdatasync(file),
  stat: catalogue.fstat(file),
  truncate: (length) => catalogue.ftruncate(file, length),
  allocate: (options) => catalogue.fallocate(file, options),
  advise: (advice, options) => catalogue.fadvise(file, advice, options),
  readahead: (options) => catalogue.readahead(file, options)
})
