"""A Slurm of several nodes on this machine for the length of a test: own keys, ports and folders, loopback only, no root needed."""
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

DAEMONS = ["munged", "munge", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo"]
INSIDE = "MHO_TEST_NAMESPACE"

CONF = """ClusterName=mho
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
# cred_expire, 5 s at least, is also how long a requeued job waits
AuthInfo=socket={folder}/munge/socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
MpiDefault=none
MailProg=/bin/true
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=50000,batch_sched_delay=1,sched_interval=1,bf_interval=1
PropagateResourceLimits=NONE
ReturnToService=2
SlurmdTimeout=6
KillWait=5
MinJobAge=300
SlurmdParameters=config_overrides
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs={cpus} Boards=1 SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=n[1-{nodes}] Default=YES MaxTime=60 State=UP
"""


def missing():
    """Names of programs that are not installed."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    return [name for name in DAEMONS if not shutil.which(name)]


def enter_namespace():
    """Run this program again with processes and a network of its own, where the kernel allows it: whatever ends it ends all of its daemons."""
    if os.environ.get(INSIDE) or missing():
        return
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--net"]
    if os.getuid() != 0:  # Slurm cannot drop groups as a mapped root
        command += ["--user", "--map-current-user", "--keep-caps"]
    try:
        probe = subprocess.run([*command, "ip", "link", "set", "lo", "up"], capture_output=True, check=False, timeout=20)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return
    if probe.returncode == 0:
        os.environ[INSIDE] = "1"
        os.execvp(command[0], [*command, "--", sys.executable, *sys.argv])


def wait_for(condition, what, seconds=30.0):
    """Poll until condition() is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.05)


class Slurm:
    """Daemons of `nodes` nodes with `cpus` CPUs each. Use with `with`."""

    def __init__(self, folder, nodes=3, cpus=2):
        self.folder, self.nodes, self.cpus = pathlib.Path(folder), nodes, cpus
        self.daemons = {}
        self.env = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def __enter__(self):
        if os.environ.get(INSIDE):  # Slurm wants an address besides the loopback's to look names up
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            subprocess.run(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"], check=True)
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.daemons.values():
            if process.poll() is None:
                process.terminate()
        end = time.monotonic() + 5
        for process in self.daemons.values():
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in self.processes_of(None):
            kill(pid)

    def _start(self):
        for name in ["munge", "state", "spool", "log"]:
            (self.folder / name).mkdir(parents=True)
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        for path in [self.folder, self.folder / "munge"]:
            path.chmod(0o755)
        port = 20000 if os.environ.get(INSIDE) else random.randrange(20000, 30000, 20)
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        (self.folder / "slurm.conf").write_text(CONF.format(
            host=socket.gethostname().split(".")[0], port=port, first=port + 1, last=port + self.nodes, user=user, folder=self.folder,
            nodes=self.nodes, cpus=self.cpus))
        munge = self.folder / "munge"
        self._daemon("munged", "munged", "-F", "-f", "-S", munge / "socket", f"--key-file={key}", f"--log-file={munge}/log",
                     f"--pid-file={munge}/pid", f"--seed-file={munge}/seed", "--num-threads=2")
        wait_for(lambda: self._quiet("munge", "-S", munge / "socket", "-n"), "munged")
        self._daemon("slurmctld", "slurmctld", "-D", "-c", "-f", self.folder / "slurm.conf")
        for node in range(1, self.nodes + 1):
            (self.folder / "spool" / f"n{node}").mkdir()
            self._daemon(f"n{node}", "slurmd", "-D", "-N", f"n{node}", "-f", self.folder / "slurm.conf")
        wait_for(lambda: self.call("sinfo", "-h", "-N", "-o", "%T", check=False).split() == ["idle"] * self.nodes, "idle nodes")

    def _daemon(self, name, *command):
        with open(self.folder / "log" / f"{name}.out", "wb") as out:
            self.daemons[name] = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out, env=self.env,
                                                  stdin=subprocess.DEVNULL)

    def _quiet(self, *command):
        return subprocess.run([str(word) for word in command], capture_output=True, check=False, env=self.env).returncode == 0

    def call(self, *command, check=True):
        """Output of a program of Slurm."""
        process = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, env=self.env, timeout=30)
        assert not check or process.returncode == 0, f"{command}: {process.stderr}"
        return process.stdout

    def queue(self):
        """Lines (job of the array, task, state, node) of all jobs."""
        lines = self.call("squeue", "--noheader", "--array", "--format=%F|%K|%T|%N|%A").splitlines()
        return [line.split("|") for line in lines]

    def processes_of(self, node):
        """Processes of the jobs of a node (None: of all nodes), with the daemons that watch over them."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            if int(path.name) == os.getpid():
                continue
            try:
                environ = (path / "environ").read_bytes().split(b"\0")
                job = f"SLURM_CONF={self.env['SLURM_CONF']}".encode() in environ and any(e.startswith(b"SLURM_JOB_ID=") for e in environ)
                if job and (node is None or f"SLURMD_NODENAME={node}".encode() in environ):
                    found.append(int(path.name))
                elif (path / "comm").read_text().startswith("slurmstepd"):  # has overwritten its environment
                    logs = [os.readlink(fd) for fd in (path / "fd").iterdir()]
                    if any(log.startswith(f"{self.folder}/log/slurmd.{node or ''}") for log in logs):
                        found.append(int(path.name))
            except OSError:
                pass  # it has ended
        return found

    def kill_node(self, node):
        """As when its power is cut: the daemon and all that it runs, at once."""
        self.daemons[node].kill()
        self.daemons[node].wait()
        for _ in range(3):  # what they may have started meanwhile
            for pid in self.processes_of(node):
                kill(pid)


def kill(pid):
    """kill -9, of a process that may have ended."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
