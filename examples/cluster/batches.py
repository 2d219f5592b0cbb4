"""An exploration as several jobs, each with its own file, merged into one trajectory.

    python batches.py --submit slurm --batches 4

splits the runs into batches, submits a job for each, waits for them, and merges their files. Jobs
need no connection to each other or to this script, only the folder. A batch whose job died is
submitted again; so is what is left when this script itself is started once more. On a machine
without a batch system, ``--submit local`` makes the jobs processes.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from walk import NAME, add_parameters, load_if_begun, number_of_cores, report, simulate

from pypet import (
    Environment,
    Trajectory,
    load_batch,
    merge_batches,
    split_into_batches,
)

ATTEMPTS = 3
CORES = 2
"""How many cores each job asks for."""


# ----- the job: this script with `--job FILE` --------------------------------------------------


def execute(file: Path, ncores: int) -> None:
    """Execute the runs of one batch that are not completed."""
    with Environment(
        trajectory=load_batch(file),
        multiproc=True,
        ncores=ncores,
        use_pool=True,
        wrap_mode="QUEUE",
        log_folder=str(file.parent / "logs"),
    ) as env:
        env.run(simulate)


# ----- submitting: one of these, whichever your cluster has ------------------------------------


def submit_local(commands: Sequence[Sequence[str]], folder: Path) -> None:
    """Start the jobs as processes of this machine."""
    wait([subprocess.Popen(command) for command in commands])


def submit_slurm(commands: Sequence[Sequence[str]], folder: Path) -> None:
    """Let Slurm start the jobs; its ``sbatch --wait`` ends with the job."""
    options = ["--wait", f"--cpus-per-task={CORES}", f"--output={folder}/job_%j.txt"]
    options += ["--requeue", "--open-mode=append"]  # if a node fails or somebody needs it
    wait(
        [
            # `exec`: SIGTERM at the end of the time is then for Python alone.
            subprocess.Popen(["sbatch", *options, "--wrap", f"exec {shlex.join(command)}"])
            for command in commands
        ]
    )


def submit_sge(commands: Sequence[Sequence[str]], folder: Path) -> None:
    """Let Grid Engine start the jobs; its ``qsub -sync y`` ends with the job."""
    options = ["-sync", "y", "-b", "y", "-cwd", "-V", "-j", "y", "-o", str(folder)]
    options += ["-pe", "mp", str(CORES)]
    wait([subprocess.Popen(["qsub", *options, *command]) for command in commands])


def submit_psij(commands: Sequence[Sequence[str]], folder: Path, executor: str = "slurm") -> None:
    """Let PSI/J (``pip install psij-python``) submit; ``executor`` names one of many systems."""
    import psij

    jobs = []
    submitter = psij.JobExecutor.get_instance(executor)
    resources = psij.ResourceSpecV1(node_count=1, process_count=1, cpu_cores_per_process=CORES)
    for number, command in enumerate(commands):
        spec = psij.JobSpec(
            executable=command[0],
            arguments=list(command[1:]),
            directory=Path.cwd(),
            resources=resources,
            stdout_path=folder / f"job_{number}.txt",
            stderr_path=folder / f"job_{number}.txt",
        )
        jobs.append(psij.Job(spec))
        submitter.submit(jobs[-1])
    for job in jobs:
        print("Job ended:", job.wait())


def submit_saga(
    commands: Sequence[Sequence[str]],
    folder: Path,
    url: str = "slurm://localhost",
    queue: str = "main",
) -> None:
    """Let SAGA (``pip install radical.saga``) submit; ``fork://localhost`` is without a queue."""
    import radical.saga

    service = radical.saga.job.Service(url)
    jobs = []
    for number, command in enumerate(commands):
        description = radical.saga.job.Description()
        description.executable = command[0]
        description.arguments = list(command[1:])
        description.working_directory = str(Path.cwd())
        description.queue = queue
        description.output = description.error = str(folder / f"job_{number}.txt")
        jobs.append(service.create_job(description))
        jobs[-1].run()
    for job in jobs:
        job.wait()
        print("Job ended:", job.state)
    service.close()


def wait(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait for all; what became of the runs is in the files of the batches."""
    for process in processes:
        status = process.wait()
        if status:
            print(f"A job ended with status {status}.", file=sys.stderr)


SUBMITTERS = {
    "local": submit_local,
    "slurm": submit_slurm,
    "sge": submit_sge,
    "psij": submit_psij,
    "saga": submit_saga,
}


# ----- the main script -------------------------------------------------------------------------


def begin(filename: Path, *, runs: int, walkers: int, batches: int) -> Trajectory:
    """Return the trajectory, split into batches, now or when this script was started before."""
    traj = load_if_begun(filename)
    if traj is None:
        with Environment(
            NAME, filename=str(filename), seed=1, log_folder=str(filename.parent / "logs")
        ) as env:
            traj = env.traj
            add_parameters(traj, runs=runs, walkers=walkers)
            traj.f_store()
    if not files_of_batches(filename):
        split_into_batches(traj, batches, filename.parent / "batches")
    return traj


def files_of_batches(filename: Path) -> list[str]:
    """Return the files of all batches."""
    return sorted(map(str, (filename.parent / "batches").glob("*.hdf5")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("walk"), help="for all files")
    parser.add_argument("--submit", choices=SUBMITTERS, default="local")
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--runs", type=int, default=16)
    parser.add_argument("--walkers", type=int, default=2000)
    parser.add_argument("--job", type=Path, help="execute the batch in this file; for jobs")
    arguments = parser.parse_args()
    if arguments.job is not None:
        execute(arguments.job, number_of_cores())
        return
    folder = arguments.folder.resolve()
    filename = folder / f"{NAME}.hdf5"
    traj = begin(
        filename, runs=arguments.runs, walkers=arguments.walkers, batches=arguments.batches
    )
    left = merge_batches(traj, files_of_batches(filename))
    for _ in range(ATTEMPTS):
        if not left:
            break
        print(f"Submitting {len(left)} batches.", flush=True)
        commands = [[sys.executable, str(Path(__file__).resolve()), "--job", file] for file in left]
        SUBMITTERS[arguments.submit](commands, folder)
        left = merge_batches(traj, left)
    if left:
        sys.exit(f"Not complete after {ATTEMPTS} attempts: {', '.join(left)}")
    report(filename)


if __name__ == "__main__":
    main()
