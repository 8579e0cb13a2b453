"""Programs that try to get out of the sandbox, by what they try.

Each is run after ``PREAMBLE``, which tells it what there is to reach, and prints ``GOT`` and what it got where it gets
anything; or it takes something away, or leaves something behind, which is seen from outside.
"""

PREAMBLE = '''
import ctypes, errno, fcntl, mmap, os, signal, socket, struct, subprocess, sys, threading, time

libc = ctypes.CDLL(None, use_errno=True)
FIRST = os.getpid()
libc.prctl(15, b"TAG")  # its name, which its children have as well

def got(*what):
    print("GOT", *what, flush=True)

def call(name, *given):
    """A function of the C library, or a system call by its number."""
    made = libc.syscall(name, *given) if isinstance(name, int) else getattr(libc, name)(*given)
    if made < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return made

def each(function, *values):
    """What can be done of some, one after the other."""
    for value in values:
        try:
            got(value, function(value))
        except OSError as error:
            print(value, error)

def read(path):
    with open(path, "rb") as file:
        return file.read(100)

def forked(child):
    pid = os.fork()
    if pid == 0:
        try:
            child()
        finally:
            os._exit(0)
    return pid
'''

NETWORK = {
    "tcp to a server on this machine": "got(socket.create_connection(('127.0.0.1', PORT), 2))",
    "tcp over ipv6": "got(socket.create_connection(('::1', PORT), 2))",
    "tcp to another address of this machine": "got(socket.create_connection(('127.0.0.2', PORT), 2))",
    "udp to a server on this machine": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', UDP)); got()",
    "a web request": "import urllib.request\ngot(urllib.request.urlopen(f'http://127.0.0.1:{PORT}/', timeout=2))",
    "a request by the shell": "got(subprocess.run(['bash', '-c', f'echo x > /dev/tcp/127.0.0.1/{PORT}'], check=True))",
    "a unix socket in a folder": "socket.socket(socket.AF_UNIX).connect(SERVED); got()",
    "an abstract unix socket": "socket.socket(socket.AF_UNIX).connect('\\0' + ABSTRACT); got()",
    "the socket that it talks over, to another place": """
own = socket.socket(fileno=os.dup(0))
own.connect("\\0" + ABSTRACT)
got()
""",
    "a name looked up": "got(socket.getaddrinfo('localhost', 80), socket.getaddrinfo('example.org', 80))",
    "a raw socket": "got(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))",
    "a packet socket": "got(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))",
    "a netlink socket": "got(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))",
    "a vsock socket": "got(socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))",
    "a socket of the kernel's ciphers": "got(socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET))",
    "a server of its own": """
server = socket.create_server(("0.0.0.0", 0))
got(server.getsockname())
""",
    "a socket by the system call": "got(call(41, 2, 1, 0))",
    "a socket by the numbers of x32": "got(call(0x40000000 + 41, 2, 1, 0))",
    "a socket by the calls of 32-bit programs": """
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(b"\\x53\\xb8\\x67\\x01\\x00\\x00\\xbb\\x01\\x00\\x00\\x00\\xb9\\x01\\x00\\x00\\x00\\x31\\xd2\\xcd\\x80\\x5b\\xc3")
made = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
got(made) if made >= 0 else print(made)
""",
    "a ring that makes calls by itself": "got(call(425, 4, ctypes.create_string_buffer(120)))",
    "other network interfaces": """
others = [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]]
got(others) if set(others) - {"lo"} else print(others)
""",
}

FILES = {
    "a file of somebody else": "got(read(CANARY))",
    "its folder": "got(os.listdir(os.path.dirname(CANARY)))",
    "a file by a link": "os.symlink(CANARY, 'link'); got(read('link'))",
    "a folder by a link": "os.symlink('/', 'root'); got(read('root' + CANARY))",
    "a file by another name": "os.link(CANARY, 'mine'); got(read('mine'))",
    "a file by going up": "got(read('../' * 20 + CANARY))",
    "a file by its own root": "got(read('/proc/self/root' + CANARY))",
    "a file by the first process": "each(read, '/proc/1/root' + CANARY, f'/proc/{HOST}/root' + CANARY)",
    "a file by a folder that is open": """
for fd in range(64):
    try:
        got(os.open(CANARY[1:], os.O_RDONLY, dir_fd=fd))
    except OSError:
        pass
""",
    "a file by its handle": """
handle = struct.pack("Ii", 8, 1) + struct.pack("II", 2, 0)
got(call("open_by_handle_at", os.open("/", os.O_RDONLY), handle, 0))
""",
    "a file that everybody may write": "open(WRITABLE, 'wb', 0).write(b'changed'); got()",
    "a file that everybody may delete": "os.unlink(WRITABLE); got()",
    "a file that everybody may move": "os.rename(WRITABLE, WRITABLE + '.moved'); got()",
    "a new file beside it": "open(WRITABLE + '.new', 'w').write('new'); got()",
    "passwords and keys": """
each(read, '/etc/shadow', '/etc/passwd', '/root/.bashrc', '/root/.ssh/id_rsa', '/etc/ssl/private')
""",
    "the answers of this package": """
for folder, _, files in os.walk("/"):
    if folder.startswith("/proc"):
        continue
    if "conformance" in os.listdir(folder) or folder.endswith("knowhow/environments"):
        got(folder)
""",
    "the system's programs": """
each(lambda path: open(path, 'ab', 0).write(b'x'), sys.executable, os.__file__, '/usr/bin/env')
""",
    "the system's settings": """
each(
    lambda path: open(path, 'w'),
    '/etc/ld.so.preload', '/etc/passwd', '/etc/cron.d/x', '/x', '/usr/x',
)
""",
    "the shared memory and other scratch": """
each(lambda path: open(path, 'w'), '/dev/shm/TAG', '/var/tmp/TAG', '/run/TAG', '/dev/TAG')
""",
    "mounts made writable": """
call("mount", None, b"/usr", None, 32 | 4096, None)
open("/usr/TAG", "w")
got()
""",
    "a mount of its own": "call('mount', b'none', b'/tmp', b'tmpfs', 0, None); got()",
    "a mount by the new calls": "got(call(428, -100, b'/', 1))",
    "a file system taken away": "call('umount2', b'/proc', 2); got()",
    "another root": "os.mkdir('new'); os.chroot('new'); got()",
    "the disk as a device": """
os.mknod("disk", 0o60666, os.makedev(8, 0))
os.mknod("memory", 0o20666, os.makedev(1, 1))
each(read, "disk", "memory")
""",
    "devices": "each(read, '/dev/mem', '/dev/kmsg', '/dev/vda', '/dev/sda', '/dev/port', '/dev/fuse', '/dev/kvm')",
    "programs that run as root": """
os.chmod(sys.executable, 0o4755)
got()
""",
    "the system's programs that run as root": """
for program in (["su", "-c", "id"], ["mount", "-t", "tmpfs", "none", "/tmp"], ["newgrp"], ["passwd", "-d", "root"]):
    done = subprocess.run(program, capture_output=True, stdin=subprocess.DEVNULL)
    got(program) if done.returncode == 0 else print(done.stderr)
""",
}

SECRETS = {
    "the keys in its environment": "got(os.environ['SECRET_OF_THE_HOST'])",
    "the keys in the environments of others": """
for name in os.listdir("/proc"):
    if name.isdecimal():
        try:
            if b"SECRET_OF_THE_HOST" in open(f"/proc/{name}/environ", "rb").read():
                got(name)
        except OSError:
            pass
""",
    "the other processes": """
names = [name for name in os.listdir("/proc") if name.isdecimal()]
got(names) if len(names) > 2 or str(BYSTANDER) in names else print(names)
""",
    "the name of the machine": "got() if os.uname().nodename == NAME else print(os.uname())",
    "the kernel's memory": "each(read, '/proc/kcore', '/proc/kmem', '/dev/mem')",
    "the kernel's messages": "got(call(103, 3, ctypes.create_string_buffer(4096), 4096))",
    "the keys of the kernel": "got(call(250, 0, -3, 0))",
    "descriptors that were left open": """
for fd in range(3, 64):
    try:
        got(fd, os.readlink(f"/proc/self/fd/{fd}"))
    except OSError:
        pass
""",
    "the terminal": "got(os.open('/dev/tty', os.O_RDWR))",
    "keys struck for the terminal": "fcntl.ioctl(os.open('/dev/tty', os.O_RDWR), 0x5412, b'x'); got()",
}

KERNEL = {
    "the program for crashes": "open('/proc/sys/kernel/core_pattern', 'wb', 0).write(b'|/bin/true'); got()",
    "the key that stops the machine": "open('/proc/sysrq-trigger', 'wb', 0).write(b'h'); got()",
    "settings of the kernel": """
each(
    lambda path: open(path, 'w'),
    '/proc/sys/vm/drop_caches', '/proc/sys/kernel/hostname', '/proc/sys/fs/file-max',
)
""",
    "control groups": """
for folder, _, _ in os.walk("/sys/fs/cgroup"):
    names = "release_agent", "cgroup.procs", "memory.max", "memory.limit_in_bytes"
    each(lambda name: open(folder + "/" + name, "w"), *names)
""",
    "a module": "call(175, b'x', 1, b''); got()",
    "a program in the kernel": "got(call(321, 0, ctypes.create_string_buffer(120), 120))",
    "the counters of the processor": "got(call(298, ctypes.create_string_buffer(120), 0, -1, -1, 0))",
    "faults that it handles itself": "got(call(323, 0))",
    "the clock": "time.clock_settime(time.CLOCK_REALTIME, 0); got()",
    "a restart": "call(169, 0xFEE1DEAD, 672274793, 0, None); got()",
    "another kernel": "call(246, 0, 0, None, 0); got()",
    "a name for the machine": "socket.sethostname('TAG'); got()",
    "memory before the others": "open('/proc/self/oom_score_adj', 'wb', 0).write(b'-1000'); got()",
    "time before the others": """
each(lambda value: os.nice(value), -20)
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
got()
""",
}

PROCESSES = {
    "the end of a process outside": "os.kill(BYSTANDER, 9); got()",
    "the end of its host": "each(lambda pid: os.kill(pid, 9), HOST)",
    "the end of all": "os.kill(-1, 9)",
    "the end of its parent": "os.kill(os.getppid(), 9)",
    "a stop of its parent": "os.kill(os.getppid(), 19)\ntime.sleep(0.2)\nprint('on')",
    "another process traced": "each(lambda pid: call('ptrace', 16, pid, 0, 0), BYSTANDER, HOST, 1)",
    "the memory of another process": """
each(lambda pid: open(f"/proc/{pid}/mem", "r+b"), BYSTANDER, HOST)
part = struct.pack("QQ", ctypes.addressof(ctypes.create_string_buffer(8)), 8)
each(lambda pid: call("process_vm_readv", pid, part, 1, part, 1, 0), BYSTANDER, HOST, 1)
""",
    "a handle of another process": "each(lambda pid: call(434, pid, 0), BYSTANDER, HOST, 1)",
    "its keeper, who might have no limits": """
import resource
for name in ("AS", "NPROC", "FSIZE", "CPU", "NOFILE"):
    number = getattr(resource, f"RLIMIT_{name}")
    if resource.prlimit(1, number)[1] > resource.getrlimit(number)[1] or resource.prlimit(1, number)[1] < 0:
        got(name, resource.prlimit(1, number))
""",
    "other limits": """
import resource
for name in ("AS", "NPROC", "FSIZE", "CPU", "NOFILE"):
    number = getattr(resource, f"RLIMIT_{name}")
    each(lambda pid: resource.prlimit(pid, number, (resource.RLIM_INFINITY,) * 2), 0, 1)
""",
    "root": """
each(os.setuid, 0)
each(os.setgid, 0)
each(lambda user: os.setresuid(user, user, user), 0)
each(os.setgroups, [0])
""",
    "capabilities": "call('capset', struct.pack('II', 0x20080522, 0), struct.pack('IIIIII', *[0xFFFFFFFF] * 6)); got()",
    "a user namespace": "os.unshare(0x10000000) if hasattr(os, 'unshare') else call('unshare', 0x10000000); got()",
    "other namespaces": """
each(
    lambda kind: call('unshare', kind),
    0x20000, 0x40000000, 0x20000000, 0x8000000, 0x4000000, 0x2000000,
)
""",
    "a process in a namespace": """
for kind in (0x10000000, 0x10000000 | 0x20000000, 0x40000000):
    try:
        pid = call(56, kind | 17, 0, 0, 0, 0)
    except OSError as error:
        print(error)
        continue
    if pid == 0:
        os._exit(0)
    got(kind, pid)
""",
    "a process in a namespace, by the new call": """
order = struct.pack("11Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0)
pid = call(435, order, len(order))
if pid == 0:
    os._exit(0)
got(pid)
""",
    "the namespaces of another process": """
each(lambda kind: call('setns', os.open(f'/proc/1/ns/{kind}', 0), 0), 'mnt', 'net', 'pid', 'user')
""",
    "a sandbox in the sandbox": """
inside = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
for command in (inside, ["unshare", "-r", "true"], ["unshare", "-m", "true"]):
    done = subprocess.run(command, capture_output=True)
    got(command) if done.returncode == 0 else print(done.stderr)
""",
    "another layout of memory": "call(135, 0x0040000); got()",
}

LEFT_BEHIND = {
    "a process that outlives the time": """
for _ in range(3):
    forked(lambda: (os.setsid(), time.sleep(1000)))
time.sleep(1000)
""",
    "a process that outlives the program": "forked(lambda: (os.setsid(), forked(lambda: time.sleep(1000))))",
    "a daemon": """
def daemon():
    os.setsid()
    os.closerange(0, 20)
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    forked(lambda: time.sleep(1000))
forked(daemon)
""",
    "another program that stays": """
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000) # TAG'], start_new_session=True)
""",
    "processes that follow each other": """
while True:
    if os.fork():
        os._exit(0)
    os.setsid()
""",
    "no heed of any signal": """
for number in set(range(1, 65)) - {9, 19, 32, 33}:
    signal.signal(number, signal.SIG_IGN)
while True:
    time.sleep(100)
""",
    "a stop of itself": "os.kill(os.getpid(), 19)",
    "sleep for ever": "os.closerange(0, 20)\ntime.sleep(1000)",
    "work for ever": "while True: pass",
    "work for ever in C": "import re\nre.match('(a|aa)+$', 'a' * 100 + 'b')",
    "a wait on itself": "os.waitpid(forked(lambda: signal.pause()), 0)",
}

RESOURCES = {
    "a fork bomb": """
count = 0
while True:
    try:
        pid = os.fork()
    except OSError:
        break
    if pid == 0:
        time.sleep(1000)
    count += 1
print("COUNT", count, flush=True)
""",
    "a fork bomb of children": """
import _thread
end = time.time() + 0.5
def bomb():
    while time.time() < end:
        try:
            if os.fork() == 0:
                os.setsid()
        except OSError:
            pass
bomb()
time.sleep(0.2)
if os.getpid() == FIRST:
    print("COUNT", len([name for name in os.listdir("/proc") if name.isdecimal()]) - 2, flush=True)
""",
    "threads": """
count = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        count += 1
except RuntimeError:
    print("COUNT", count, flush=True)
    os._exit(0)
""",
    "one large piece of memory": "print('COUNT', len(bytearray(1 << 30)) >> 20)",
    "memory bit by bit": """
held = []
try:
    while True:
        held.append(bytearray(1 << 20))
except MemoryError:
    count = len(held)
    held.clear()
    print("COUNT", count)
""",
    "memory in many processes": """
def fill():
    held = []
    while True:
        held.append(bytearray(1 << 20))
        os.write(1, b"\\nCOUNT_ONE\\n")
for _ in range(50):
    try:
        forked(fill)
    except OSError:
        pass
fill()
""",
    "memory shared by processes": "print('COUNT', len(mmap.mmap(-1, 1 << 30)) >> 20)",
    "memory of the kernel's": """
count, held = 0, []
try:
    while count < 200:
        held.append(os.memfd_create("x"))
        count += os.write(held[-1], bytes(3 << 20)) >> 20
except OSError as error:
    print(error)
print("COUNT", count)
""",
    "memory of another kind": "each(lambda size: call('shmget', 0, size, 0o1666), 60 << 20)",
    "queues of messages": "each(lambda name: call('mq_open', name, 0o102, 0o666, None), b'/TAG')",
    "the disk, by one file": """
count = 0
with open("large", "wb", 0) as file:
    try:
        while True:
            count += file.write(bytes(1 << 16))
    except OSError:
        print("COUNT", count >> 20)
""",
    "the disk, by many files": """
count = 0
try:
    for number in range(10000):
        with open(f"{number}", "wb", 0) as file:
            count += file.write(bytes(1 << 18))
except OSError:
    print("COUNT", count >> 20)
""",
    "the disk, by files that are deleted": """
count, held = 0, []
try:
    while True:
        held.append(open("file", "wb", 0))
        os.unlink("file")
        count += held[-1].write(bytes(1 << 18))
except OSError:
    print("COUNT", count >> 20)
""",
    "the disk, by a promise": """
fd = os.open('large', os.O_CREAT | os.O_RDWR)
os.posix_fallocate(fd, 0, 1 << 30)
print('COUNT', 1024)
""",
    "a file with a hole": "os.truncate(os.open('large', os.O_CREAT | os.O_RDWR), 1 << 40); print('COUNT', 1 << 20)",
    "descriptors": """
count = 0
try:
    while True:
        os.dup(0)
        count += 1
except OSError:
    print("COUNT", count)
""",
    "pipes that are full": """
count = 0
try:
    while True:
        _, end = os.pipe()
        os.set_blocking(end, False)
        fcntl.fcntl(end, 1031, 1 << 20)
        count += os.write(end, bytes(1 << 20))
except OSError:
    print("COUNT", count >> 20)
""",
    "descriptors in flight": """
one, other = socket.socketpair()
count = 0
try:
    while True:
        socket.send_fds(one, [b"x"], [0] * 50)
        count += 50
except OSError:
    print("COUNT", count)
""",
    "signals that wait": """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
count = 0
try:
    while count < 5000:
        call("sigqueue", os.getpid(), 34 + 2, 0)
        count += 1
except OSError:
    pass
print("COUNT", count)
""",
    "endless output": "while True: print('x' * 1000)",
    "endless complaints": "while True: print('x' * 1000, file=sys.stderr)",
    "output past Python": "while True: os.write(1, bytes(1 << 16))",
    "endless depth": "def deeper(): return deeper()\nsys.setrecursionlimit(1 << 30)\ndeeper()",
    "folders in folders": """
count = 0
try:
    while count < 20000:
        os.mkdir("d")
        os.chdir("d")
        count += 1
except OSError:
    pass
""",
}

MOST = {
    "a fork bomb": 3,
    "a fork bomb of children": 4,
    "threads": 3,
    "one large piece of memory": 64,
    "memory bit by bit": 64,
    "memory shared by processes": 64,
    "memory of the kernel's": 0,
    "the disk, by one file": 4,
    "the disk, by many files": 4,
    "the disk, by files that are deleted": 4,
    "the disk, by a promise": 4,
    "a file with a hole": 4,
    "descriptors": 64,
    "pipes that are full": 64,
    "descriptors in flight": 200,
    "signals that wait": 64,
}
"""How much of a thing there may be, in pieces or megabytes, with ``LIMITS``."""

OPEN_IN_WEAK = {
    "tcp to a server on this machine": "network",
    "udp to a server on this machine": "network",
    "a web request": "network",
    "a unix socket in a folder": "local servers",
    "an abstract unix socket": "local servers",
    "a server of its own": "network",
    "a file of somebody else": "read",
    "its folder": "read",
    "a file by a link": "read",
    "a file by going up": "read",
    "a file that everybody may write": "change",
    "a file that everybody may delete": "delete",
    "a file that everybody may move": "change",
    "a new file beside it": "any folder that it may write in",
    "the shared memory and other scratch": "/dev/shm",
    "the other processes": "see which processes run",
    "the end of a process outside": "end",
    "memory of the kernel's": "memory",
}
"""What gets through where there are only limits, and the words of the warning that say so."""

ATTACKS = {
    name: source
    for group in (NETWORK, FILES, SECRETS, KERNEL, PROCESSES, LEFT_BEHIND, RESOURCES)
    for name, source in group.items()
}
