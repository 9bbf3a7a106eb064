/**
 * @since 0.1.0
 */
export * as Aio from "./Aio.ts"
/**
 * @since 0.1.0
 */
export * as AioBlocking from "./AioBlocking.ts"
/**
 * @since 0.1.0
 */
export * as AioBuffer from "./AioBuffer.ts"
/**
 * @since 0.1.0
 */
export * as AioDirectory from "./AioDirectory.ts"
/**
 * @since 0.1.0
 */
export * as AioError from "./AioError.ts"
/**
 * @since 0.1.0
 */
export * as AioEvents from "./AioEvents.ts"
/**
 * @since 0.1.0
 */
export * as AioFile from "./AioFile.ts"
/**
 * @since 0.1.0
 */
export * as AioFileSystem from "./AioFileSystem.ts"
/**
 * @since 0.1.0
 */
export * as AioGroup from "./AioGroup.ts"
/**
 * @since 0.1.0
 */
export * as AioLock from "./AioLock.ts"
/**
 * @since 0.1.0
 */
export * as AioLog from "./AioLog.ts"
/**
 * @since 0.1.0
 */
export * as AioMetrics from "./AioMetrics.ts"
/**
 * @since 0.1.0
 */
export * as AioOperation from "./AioOperation.ts"
/**
 * @since 0.1.0
 */
export * as AioTree from "./AioTree.ts"
/**
 * @since 0.1.0
 */
export * as IoUring from "./IoUring.ts"
/**
 * @since 0.1.0
 */
export * as KernelAio from "./KernelAio.ts"
/**
 * @since 0.1.0
 */
export * as MockAio from "./MockAio.ts"
/**
 * @since 0.1.0
 */
export * as PosixAio from "./PosixAio.ts"
/**
 * @since 0.1.0
 */
export * as ThreadPool from "./ThreadPool.ts"
