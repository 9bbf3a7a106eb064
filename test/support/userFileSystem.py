"""A file system in user space that serves a directory, and does it as badly as it is told to. For tests; see userFileSystem.ts.

Arguments: the directory, the mount point, options of the mount as JSON. Commands are lines of JSON on standard input, each answered by one
line. It unmounts and ends when standard input ends: with the test, however that ends.
"""

import ctypes
import errno
import json
import os
import stat
import subprocess
import sys
import threading
import time

import fusepy

# Seconds of silence, at most: a test whose event loop is held by a silent server could not tell it to speak again.
LONGEST_SILENCE = 20

# POLLIN, POLLOUT, POLLRDNORM and POLLWRNORM: what files say.
READY = 0x145

ATTRIBUTES = (
    "st_atime_ns st_ctime_ns st_mtime_ns st_gid st_ino st_mode st_nlink st_size st_uid st_blocks st_dev st_rdev"
).split()


class Control:
    """What operations are to do, and what they have done."""

    def __init__(self):
        self.changed = threading.Condition()
        self.rules = {}
        self.calls = {}
        self.held = {}

    def rule(self, operation):
        return self.rules.get(operation, {})

    def set(self, operation, rule):
        with self.changed:
            self.rules[operation] = rule
            self.changed.notify_all()

    def begin(self, operation, offset, length):
        """Counts a call, and does what its rule says before the call itself."""
        with self.changed:
            self.calls[operation] = self.calls.get(operation, 0) + 1
            if self.rule(operation).get("silent"):
                self.held[operation] = self.held.get(operation, 0) + 1
                self.changed.wait_for(lambda: not self.rule(operation).get("silent"), LONGEST_SILENCE)
                self.held[operation] -= 1
            rule = self.rule(operation)
        if rule.get("delay"):
            time.sleep(rule["delay"] / 1000)
        if "error" in rule and offset + length > rule.get("from", 0):
            raise fusepy.FuseOSError(rule["error"])
        return rule


class Served(fusepy.Operations):
    use_ns = True

    def __init__(self, root, control):
        self.root = root
        self.control = control

    def __call__(self, operation, path, *arguments):
        if operation == "init":
            say({"ready": True})
            return None
        if operation == "destroy":
            return None
        if not hasattr(self, operation):
            raise fusepy.FuseOSError(errno.ENOSYS)
        offset = arguments[1] if operation in ("read", "write") else 0
        length = arguments[0] if operation == "read" else len(arguments[0]) if operation == "write" else 1
        rule = self.control.begin(operation, offset, length)
        if "answer" in rule:
            return rule["answer"]
        try:
            return getattr(self, operation)(path, *arguments)
        except OSError as error:
            raise fusepy.FuseOSError(error.errno)

    def real(self, path):
        return self.root + path

    def getattr(self, path, fh=None):
        found = os.fstat(fh) if fh is not None else os.lstat(self.real(path))
        attributes = {name.replace("time_ns", "time"): getattr(found, name) for name in ATTRIBUTES}
        size = self.control.rule("getattr").get("size")
        if size is not None and stat.S_ISREG(found.st_mode):
            attributes["st_size"] = size
        return attributes

    def readdir(self, path, fh):
        types = not self.control.rule("readdir").get("unknownTypes")
        yield "."
        yield ".."
        with os.scandir(self.real(path)) as entries:
            for entry in entries:
                if types:
                    yield entry.name, self.getattr(os.path.join(path, entry.name)), 0
                else:
                    yield entry.name

    def readlink(self, path):
        return os.readlink(self.real(path))

    def mknod(self, path, mode, dev):
        os.mknod(self.real(path), mode, dev)

    def mkdir(self, path, mode):
        os.mkdir(self.real(path), mode)

    def rmdir(self, path):
        os.rmdir(self.real(path))

    def unlink(self, path):
        os.unlink(self.real(path))

    def symlink(self, path, target):
        os.symlink(target, self.real(path))

    def rename(self, old, new):
        os.rename(self.real(old), self.real(new))

    def link(self, path, existing):
        os.link(self.real(existing), self.real(path))

    def chmod(self, path, mode):
        os.chmod(self.real(path), mode)

    def chown(self, path, uid, gid):
        os.chown(self.real(path), uid, gid, follow_symlinks=False)

    def truncate(self, path, length, fh=None):
        os.truncate(fh if fh is not None else self.real(path), length)

    def utimens(self, path, times=None):
        os.utime(self.real(path), ns=times, follow_symlinks=False)

    def statfs(self, path):
        found = os.statvfs(self.real(path))
        return {name: getattr(found, name) for name in dir(found) if name.startswith("f_")}

    def create(self, path, mode, fi=None):
        return os.open(self.real(path), os.O_RDWR | os.O_CREAT, mode)

    def open(self, path, flags):
        # The kernel has looked at O_APPEND, and names the offset.
        return os.open(self.real(path), flags & ~(os.O_APPEND | os.O_DIRECT))

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def flush(self, path, fh):
        return 0

    def fsync(self, path, datasync, fh):
        os.fsync(fh)
        return 0

    def release(self, path, fh):
        os.close(fh)
        return 0

    def poll(self, path):
        pass

    def opendir(self, path):
        return 0

    def releasedir(self, path, fh):
        return 0


class Operations(ctypes.Structure):
    """With what libfuse has behind the last one that fusepy knows."""

    _fields_ = fusepy.fuse_operations._fields_ + [
        (
            "poll",
            ctypes.CFUNCTYPE(
                ctypes.c_int,
                ctypes.c_char_p,
                ctypes.POINTER(fusepy.fuse_file_info),
                ctypes.c_void_p,
                ctypes.POINTER(ctypes.c_uint),
            ),
        )
    ]


class Server(fusepy.FUSE):
    def poll(self, path, info, handle, events):
        if handle:
            fusepy._libfuse.fuse_pollhandle_destroy(ctypes.c_void_p(handle))
        self.operations("poll", path.decode(self.encoding))
        events[0] = READY
        return 0


speaking = threading.Lock()


def say(answer):
    with speaking:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def serve_commands(control, mount_point):
    for line in sys.stdin:
        command = json.loads(line)
        if "set" in command:
            control.set(command["set"], command["rule"])
        with control.changed:
            say({"calls": dict(control.calls), "held": dict(control.held)})
    # Lazily: somebody may still be in it. Its requests end with this process, which held the connection to the kernel.
    for unmount in (["fusermount", "-u", "-z"], ["fusermount3", "-u", "-z"], ["umount", "--lazy"]):
        try:
            if subprocess.call([*unmount, mount_point], stderr=subprocess.DEVNULL) == 0:
                break
        except OSError:
            pass
    os._exit(0)


if __name__ == "__main__":
    _, directory, mount_point, options = sys.argv
    control = Control()
    threading.Thread(target=serve_commands, args=(control, mount_point), daemon=True).start()
    fusepy.fuse_operations = Operations
    Server(Served(directory, control), mount_point, foreground=True, **json.loads(options))
    os._exit(0)
