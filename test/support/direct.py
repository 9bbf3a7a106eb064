"""A FUSE file system with direct I/O: every read and write of its files is answered here, past the page cache.

plain   10,000 bytes: the letter of each thousand
zero    the same bytes, and a size of 0, as files of /proc have it
broken  the same, but from 4,096 on EIO
"""
import errno
import stat
import sys

import fusepy as fuse

SIZE = 10000
NAMES = {"/plain": SIZE, "/zero": 0, "/broken": SIZE}


class Direct(fuse.Operations):
    def getattr(self, path, fh=None):
        if path == "/":
            return dict(st_mode=stat.S_IFDIR | 0o755, st_nlink=2)
        if path not in NAMES:
            raise fuse.FuseOSError(errno.ENOENT)
        return dict(st_mode=stat.S_IFREG | 0o644, st_nlink=1, st_size=NAMES[path])

    def open(self, path, info):
        info.direct_io = 1
        return 0

    def read(self, path, length, offset, fh):
        if path == "/broken" and offset + length > 4096:
            raise fuse.FuseOSError(errno.EIO)
        return bytes(65 + i // 1000 for i in range(offset, min(offset + length, SIZE)))

    def write(self, path, data, offset, fh):
        return len(data)

    def truncate(self, path, length, fh=None):
        return 0


fuse.FUSE(Direct(), sys.argv[1], foreground=True, raw_fi=True)
