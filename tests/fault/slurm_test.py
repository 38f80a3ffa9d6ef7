# SPDX-License-Identifier: Apache-2.0
"""scripts/slurm.sbatch on a Slurm cluster of one node: a more important job pre-empts it, it saves, ends with 75, goes
back into the queue and finishes, and its metrics are those of a run that was left alone.

The cluster is real (Debian's slurmctld, slurmd and munge), started here by hand with a configuration, ports and state of
its own; it needs neither root nor a cgroup hierarchy.
Usage: slurm_test.py LAMBERT SOURCE_DIRECTORY"""
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

LAMBERT, SOURCE = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
TIMES = {"sequences_per_second", "tokens_per_second", "step_seconds", "data_wait_seconds", "exposed_reduce_seconds",
         "checkpoint_seconds", "device_memory_gib"}
STEPS = 200
SLURM_CONF = """\
ClusterName=lambert-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
# A job that was requeued starts again only after its old credential has expired.
AuthInfo=socket={folder}/munge/socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
# The node may have fewer cores than we say: two ranks then share one.
SlurmdParameters=config_overrides
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=normal Nodes={host} Default=YES PriorityTier=1 GraceTime=60 State=UP
PartitionName=urgent Nodes={host} PriorityTier=10 State=UP
"""
CONFIG = """\
output_dir: {output}
seed: 7
model: {{hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 128}}
phases:
  - {{name: only, data: {data}, max_seq_length: 64, max_predictions_per_seq: 10, global_train_batch_size: 16,
     per_device_train_batch_size: 8, max_steps: {steps}, learning_rate: 4.0e-3, warmup_steps: 4}}
checkpoint: {{save_steps: 1000}}
logging: {{logging_steps: 100, log_sample_hashes: true}}
threads_per_rank: 1
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what}")


class Cluster:
    """munged, slurmctld and slurmd in the foreground, so that their process ids are known."""

    def __init__(self, folder):
        self.folder = folder
        self.daemons = []
        for name in ("munge", "state", "spool"):
            (folder / name).mkdir(mode=0o755)
        self.host = socket.gethostname().split(".")[0]
        controller_port, node_port = free_ports(2)
        conf = folder / "slurm.conf"
        conf.write_text(SLURM_CONF.format(folder=folder, host=self.host,
                                          user=pwd.getpwuid(os.getuid()).pw_name,
                                          controller_port=controller_port, node_port=node_port))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "OMPI_"))}
        self.environment.update(SLURM_CONF=str(conf), OMPI_MCA_mpi_yield_when_idle="1")

    def __enter__(self):
        try:
            self.start_daemons()
        except BaseException:
            self.__exit__(True)
            raise
        return self

    def start_daemons(self):
        munge = self.folder / "munge"
        (munge / "key").write_bytes(os.urandom(1024))
        (munge / "key").chmod(0o600)
        self.start("munged", "--foreground", "--force", f"--socket={munge}/socket", f"--key-file={munge}/key",
                   f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed")
        wait_for("munged", (munge / "socket").exists)
        self.start("slurmctld", "-D", "-c")
        self.start("slurmd", "-D", "-c", "-N", self.host)
        wait_for("an idle node", lambda: "idle" in self.slurm("sinfo", "--noheader", "--format=%t", check=False))

    def __exit__(self, failure, *_):
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in reversed(self.daemons):
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        if failure:
            for log in sorted(self.folder.glob("*.log")) + sorted(self.folder.glob("*.out")):
                print(f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-30:]))

    def start(self, *command):
        program = shutil.which(command[0], path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        assert program, f"{command[0]} is not installed: scripts/setup.sh --tests installs it"
        with (self.folder / f"{command[0]}.log").open("w") as log:
            self.daemons.append(subprocess.Popen([program, *command[1:]], env=self.environment, stdout=log,
                                                 stderr=subprocess.STDOUT))

    def slurm(self, *command, check=True, **environment):
        result = subprocess.run(command, cwd=SOURCE, env={**self.environment, **environment}, check=check,
                                capture_output=True, text=True, timeout=30)
        return result.stdout

    def submit(self, *arguments, **environment):
        return self.slurm("sbatch", "--parsable", f"--output={self.folder}/%x-%j.out", *arguments,
                          **environment).strip()

    def job(self, number):
        """JobState, Restarts, ExitCode and the rest that scontrol prints as Key=value."""
        words = self.slurm("scontrol", "--oneliner", "show", "job", number, check=False).split()
        return dict(word.split("=", 1) for word in words if "=" in word)


def records(run):
    """All of metrics.jsonl but the times."""
    return [{key: value for key, value in json.loads(line).items() if key not in TIMES}
            for line in (run / "metrics.jsonl").read_text().splitlines()]


def step_count(run):
    metrics = run / "metrics.jsonl"
    return len(metrics.read_text().splitlines()) if metrics.exists() else 0


def write_config(folder, name):
    config = folder / f"{name}.yaml"
    config.write_text(CONFIG.format(output=folder / name, data=folder / "data", steps=STEPS))
    return config


def prepare(folder):
    for command in (["vocab", "train", "--type", "wordpiece", "--size", "1000", "--output", folder / "vocab"],
                    ["prepare", "--tokenizer", folder / "vocab", "--max-seq-length", "64", "--output", folder / "data"]):
        subprocess.run([LAMBERT, *command, SOURCE / "data/sample/validation.txt"], check=True, capture_output=True)
    subprocess.run([SOURCE / "scripts/launch.sh", "--oversubscribe", "-n", "2", LAMBERT, "train",
                    write_config(folder, "alone")], check=True, capture_output=True)


def signal_ranks(config, number):
    """To the processes of the run itself, not to its launcher."""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        if words[0] == str(LAMBERT).encode() and str(config).encode() in words:
            os.kill(int(path.parent.name), number)


def check_preempted(cluster, launcher):
    run = cluster.folder / launcher
    config = write_config(cluster.folder, launcher)
    job = cluster.submit("--ntasks=2", "--cpus-per-task=1", "--time=30", SOURCE / "scripts/slurm.sbatch", config,
                         LAMBERT=str(LAMBERT), LAMBERT_LAUNCHER=launcher)
    wait_for(f"steps of job {job}", lambda: step_count(run) >= 5)
    # The ranks hold still until Slurm has decided, so that a fast machine does not finish first.
    signal_ranks(config, signal.SIGSTOP)
    urgent = cluster.submit("--partition=urgent", "--ntasks=2", "--wrap=true")
    wait_for("the pre-emption", lambda: cluster.job(job).get("PreemptTime", "None") != "None")
    signal_ranks(config, signal.SIGCONT)
    wait_for("the urgent job", lambda: cluster.job(urgent).get("JobState") == "COMPLETED")
    steps_before = step_count(run)
    assert 5 <= steps_before < STEPS, f"{launcher}: {steps_before} steps when it gave way"
    wait_for(f"the end of job {job}", lambda: cluster.job(job).get("JobState") in ("COMPLETED", "FAILED", "CANCELLED"))
    found = cluster.job(job)
    assert found["JobState"] == "COMPLETED" and found["ExitCode"] == "0:0" and found["Restarts"] == "1", found
    launches = json.loads((run / "run.json").read_text())["launches"]
    assert [launch["code"] for launch in launches] == [75, 0], launches
    assert records(run) == records(cluster.folder / "alone"), f"{launcher}: other metrics than a run left alone"
    output = (cluster.folder / f"lambert-{job}.out").read_text()
    assert "back into the queue" in output and f"job {job}, launch 2, 2 ranks" in output, output
    print(f"{launcher}: gave way after {steps_before} steps, finished {STEPS} in its second launch")


def main():
    with tempfile.TemporaryDirectory(prefix="slurm-test-") as name:
        folder = pathlib.Path(name)
        prepare(folder)
        with Cluster(folder) as cluster:
            for launcher in ("mpirun", "srun"):
                check_preempted(cluster, launcher)


if __name__ == "__main__":
    main()
