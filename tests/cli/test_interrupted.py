"""Runs that are cut off: killed, interrupted, without space, without a reader. None loses work."""

from __future__ import annotations

import gzip
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import make_model, random_bases, write_fasta

from mfdvep.model.checkpoint import save_model

TESTS = Path(__file__).resolve().parents[1]
BASES = random_bases(4000, seed=21)
N_RECORDS = 14  # 4 chunks
COMMAND = [
    "score", "in.vcf", "-f", "g.fa", "-o", "o.vcf.gz", "--matrix", "m.parquet", "--long",
    "l.parquet", "--write-index", "--shifts", "1", "--no-version", "-q",
]  # fmt: skip
INPUTS = {"in.vcf", "g.fa", "g.fa.fai"}
OUTPUTS = {
    "o.vcf.gz", "o.vcf.gz.tbi", "m.parquet", "l.parquet", "o.skipped.tsv", "o.stats.json",
    "o_mqc.json",
}  # fmt: skip
HEADER = (
    "##fileformat=VCFv4.3\n##contig=<ID=chr1,length=4000>\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)


def records(n: int, *, first: int = 1000) -> str:
    """Return n sorted records, some of which cannot be scored."""
    lines = []
    for pos in range(first, first + n):
        ref = BASES[pos - 1]
        alt = "*" if pos % 5 == 0 else "ACGT"["ACGT".index(ref) - 1]
        lines.append(f"chr1\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n")
    return "".join(lines)


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit status, or minus the signal that ended it; and what it said."""

    code: int
    out: str
    err: str
    changes: int


class Processes:
    """Processes of `mfdvep`, one at a time; see `slow_score`."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
        self._server = subprocess.Popen(
            [sys.executable, "-P", "-W", "error", TESTS / "cli" / "slow_score.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            text=True,
        )

    def start(self, folder: Path, *args: str, **how) -> None:
        """Start `mfdvep ARGS` in a folder."""
        for name in ("out", "err", "count"):
            (self._scratch / name).unlink(missing_ok=True)
        request = {
            "args": args or COMMAND,
            "folder": str(folder),
            "stdin": os.devnull,
            "stdout": str(self._scratch / "out"),
            "stderr": str(self._scratch / "err"),
            **how,
        }
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        self._child = self._answer("began")

    def wait(self) -> Ended:
        """Return how the process that was started last has ended."""
        code = os.waitstatus_to_exitcode(self._answer("ended"))
        out, err, count = (
            path.read_text() if path.exists() else ""
            for path in (self._scratch / name for name in ("out", "err", "count"))
        )
        return Ended(code, out, err, int(count or 0))

    def _answer(self, word: str) -> int:
        answer = self._server.stdout.readline().split()
        assert answer[:1] == [word]
        return int(answer[1])

    def end(self, number: int) -> Ended:
        """Send the process a signal, if it has not ended before, and return how it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self._child, number)
        return self.wait()

    def run(self, folder: Path, *args: str, **how) -> Ended:
        """Run `mfdvep ARGS` in a folder to its end."""
        self.start(folder, *args, **how)
        return self.wait()

    def counted(self, folder: Path, *args: str) -> int:
        """Return how many changes to files a run makes."""
        ended = self.run(folder, *args, count=str(self._scratch / "count"))
        assert (ended.code, ended.err) == (0, "")
        return ended.changes

    def close(self) -> None:
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()


@pytest.fixture(scope="module", autouse=True)
def interruptible():
    """Have processes heed SIGINT, also where this one was begun in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    found = Processes(tmp_path_factory.mktemp("processes"))
    yield found
    found.close()


def fill(folder: Path, n: int = N_RECORDS) -> Path:
    folder.mkdir(exist_ok=True)
    write_fasta(folder / "g.fa", {"chr1": BASES})
    (folder / "in.vcf").write_text(HEADER + records(n))
    return folder


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path / "run")


@pytest.fixture(scope="module")
def whole(processes, tmp_path_factory):
    """What a run leaves that nothing interrupts, and how many changes to files it makes."""
    folder = fill(tmp_path_factory.mktemp("whole"))
    n_changes = processes.counted(folder)
    return outputs(folder), n_changes


def outputs(folder: Path) -> dict[str, bytes]:
    """Return what is in a folder besides the inputs, without the timing of the run record."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name in INPUTS:
            continue
        found[path.name] = b"" if path.is_dir() else path.read_bytes()
        if path.name.endswith(".stats.json"):
            record = json.loads(found[path.name])
            record.pop("timing", None)
            found[path.name] = json.dumps(record).encode()
    return found


def test_a_whole_run(whole):
    found, n_changes = whole
    assert found.keys() == OUTPUTS
    assert n_changes > 30


def complete(processes, folder, whole, *options: str) -> None:
    """Resume the run of a folder, and hold what it leaves against one that nothing interrupts."""
    parts = folder / "o.vcf.gz.parts"
    done = outputs(folder).keys() - {parts.name} == OUTPUTS
    if done and parts.exists() and {path.name for path in parts.iterdir()} <= {"lock"}:
        shutil.rmtree(parts)  # killed when nothing else was left to do; see the test below
    else:
        ended = processes.run(folder, *COMMAND, "--resume", *options)
        assert (ended.code, ended.err) == (0, "")
    assert outputs(folder) == whole[0]


def test_an_empty_folder_of_parts_is_no_claim_on_an_output(processes, folder):
    (folder / "o.vcf.gz.parts").mkdir()
    (folder / "o.vcf.gz").write_text("precious")
    ended = processes.run(folder, *COMMAND, "--resume")
    assert ended.code == 1
    assert "output o.vcf.gz exists" in ended.err
    assert (folder / "o.vcf.gz").read_text() == "precious"


def emptied(folder: Path, n: int = N_RECORDS) -> Path:
    shutil.rmtree(folder)
    return fill(folder, n)


def test_killed_before_every_change_to_a_file(processes, folder):
    """At every third, what was being written is left in half. There are two chunks."""
    n_changes = processes.counted(emptied(folder, 7))
    expected = outputs(folder), n_changes
    for n in range(1, n_changes + 1):
        emptied(folder, 7)
        ended = processes.run(folder, *COMMAND, die=n, tear=n % 3 == 0)
        assert ended.code == -signal.SIGKILL
        complete(processes, folder, expected)


def labelled(folder: Path) -> Path:
    """Give every record of a folder's input a label."""
    key = '##INFO=<ID=LABEL,Number=A,Type=Integer,Description="1 causal">'
    text = (folder / "in.vcf").read_text().replace("#CHROM", f"{key}\n#CHROM")
    (folder / "in.vcf").write_text(text.replace("\t.\t.\t.\n", "\t.\t.\tLABEL=1\n"))
    return folder


def test_killed_while_labels_are_kept(processes, folder):
    """Before every fourth change to a file."""
    options = ["--labels", "LABEL"]
    n_changes = processes.counted(labelled(folder), *COMMAND, *options)
    expected = outputs(folder), n_changes
    for n in range(1, n_changes + 1, 4):
        labelled(emptied(folder))
        assert processes.run(folder, *COMMAND, *options, die=n).code == -signal.SIGKILL
        complete(processes, folder, expected, *options)
    labelled(emptied(folder))
    processes.run(folder, *COMMAND, *options, die=n_changes // 2)
    refused(processes.run(folder, *COMMAND, "--resume"), "another info")


def test_killed_again_and_again(processes, folder, whole):
    """Each process is killed after some changes of its own, wherever that is by then."""
    rng, codes = random.Random(5), []
    while not codes or codes[-1] != 0:
        codes.append(processes.run(folder, *COMMAND, "--resume", die=rng.randint(1, 14)).code)
        if len(codes) > 30:
            break
    assert set(codes[:-1]) == {-signal.SIGKILL}
    complete(processes, folder, whole, *(["--force"] if codes[-1] == 0 else []))


def test_killed_at_random_moments(processes, folder, whole):
    rng = random.Random(3)
    for _ in range(12):
        processes.start(folder, *COMMAND, "--resume", pause=0.02)
        time.sleep(rng.uniform(0.01, 0.25))
        ended = processes.end(signal.SIGKILL)
        # at its end, or killed when only the process itself was left
        if ended.code != -signal.SIGKILL or outputs(folder).keys() == OUTPUTS:
            emptied(folder)
    complete(processes, folder, whole)


def begun(processes, folder: Path, *options: str) -> Path:
    """Kill a run when some chunks are finished; return the folder of its parts."""
    assert processes.run(folder, *COMMAND, *options, die=16).code == -signal.SIGKILL
    parts = folder / "o.vcf.gz.parts"
    assert list(parts.glob("000000-000000.*.json"))
    assert not list(parts.glob("000000-000003.*.json"))
    return parts


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_keeps_what_is_finished(processes, folder, whole, number, code, word):
    processes.start(folder, pause=0.3)
    wait_for(folder / "o.vcf.gz.parts", "000000-000000.*.json")
    ended = processes.end(number)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.strip().splitlines() == [
        f"mfdvep: {word}",
        "mfdvep: what is finished is kept in o.vcf.gz.parts; --resume goes on with it",
    ]
    assert outputs(folder).keys() == {"o.vcf.gz.parts"}
    complete(processes, folder, whole)


def wait_for(folder: Path, pattern: str) -> None:
    """Wait until a file of such a name is in a folder."""
    end = time.monotonic() + 20
    while not list(folder.glob(pattern)):
        assert time.monotonic() < end, (folder, pattern)
        time.sleep(0.005)


def refused(ended: Ended, *says: str) -> None:
    """Hold a process to have ended with one line that says something."""
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("mfdvep: error: ")
    for text in says:
        assert text in ended.err
    assert ended.err.count("\n") <= 2  # the second says what is kept
    assert "Traceback" not in ended.err


def test_an_interrupted_run_is_not_begun_anew_unasked(processes, folder, whole):
    parts = begun(processes, folder)
    before = sorted(parts.iterdir())
    refused(processes.run(folder, *COMMAND), "interrupted", "--resume", "--force")
    assert sorted(parts.iterdir()) == before
    complete(processes, folder, whole)


def test_force_begins_anew(processes, folder, whole):
    begun(processes, folder, "--shifts", "3")
    assert processes.run(folder, *COMMAND, "--force").code == 0
    assert outputs(folder) == whole[0]


def test_killed_while_force_empties_the_folder(processes, folder, whole):
    """What is left of another run must not be taken for this one's, nor lost in silence."""
    for n in range(1, 14):
        emptied(folder)
        begun(processes, folder, "--shifts", "3")
        ended = processes.run(folder, *COMMAND, "--force", die=n)
        assert ended.code == -signal.SIGKILL
        ended = processes.run(folder, *COMMAND, "--resume")
        if ended.code == 1:
            refused(ended, "another shifts")
        else:
            assert (ended.code, ended.err) == (0, "")
            assert outputs(folder) == whole[0]


def test_another_run_is_not_resumed(processes, folder, whole):
    begun(processes, folder)
    vcf, fasta = (folder / "in.vcf").read_text(), folder / "g.fa"
    changed = fasta.stat().st_mtime_ns
    refused(processes.run(folder, *COMMAND, "--resume", "--shifts", "3"), "another shifts")
    (folder / "in.vcf").write_text(vcf.replace("chr1\t1001\t.", "chr1\t1001\trs1"))
    refused(processes.run(folder, *COMMAND, "--resume"), "another input", "chunk 0")
    (folder / "in.vcf").write_text(vcf)
    os.utime(fasta, ns=(changed + 10**9, changed + 10**9))
    (folder / "g.fa.fai").touch()
    refused(processes.run(folder, *COMMAND, "--resume"), "another time of change of the FASTA")
    os.utime(fasta, ns=(changed, changed))
    complete(processes, folder, whole)


def test_resume_with_nothing_to_resume_just_runs(processes, folder, whole):
    complete(processes, folder, whole)


def test_resume_overwrites_no_outputs_that_are_whole(processes, folder, whole):
    assert processes.run(folder, *COMMAND).code == 0
    refused(processes.run(folder, *COMMAND, "--resume"), "o.vcf.gz exists", "--force")
    assert outputs(folder) == whole[0]
    complete(processes, folder, whole, "--force")


def test_outputs_that_were_there_stay_until_the_new_ones_are_whole(processes, folder, whole):
    (folder / "o.vcf.gz").write_text("mine")
    begun(processes, folder, "--force")
    assert (folder / "o.vcf.gz").read_text() == "mine"
    refused(processes.run(folder, *COMMAND, "--resume"), "o.vcf.gz exists")
    complete(processes, folder, whole, "--force")


@pytest.mark.parametrize("share", [0.1, 0.3, 0.999])
def test_a_limit_of_file_size(processes, folder, whole, share):
    """The largest files are the matrix, and its parts."""
    ended = processes.run(folder, limit=int(share * max(map(len, whole[0].values()))))
    refused(ended, "cannot be written: ")
    assert outputs(folder).keys() <= {"o.vcf.gz.parts"}
    complete(processes, folder, whole)


@pytest.fixture
def disk(tmp_path):
    """Mount a file system of some size on a folder; root alone can."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(place)]
        try:
            done = subprocess.run(command, capture_output=True).returncode
        except FileNotFoundError:
            done = 1
        if done != 0:
            pytest.skip("needs root, to mount a file system")
        return place

    yield mount
    subprocess.run(["umount", str(place)], capture_output=True)


def test_a_full_disk(processes, disk, whole):
    """The disk is full a little later each time, until all fits."""
    for kib in range(0, 1000, 12):
        folder = fill(disk("size=1m"))
        used = sum(path.stat().st_blocks for path in folder.iterdir()) // 2
        disk("remount", f"size={used + kib}k")
        ended = processes.run(folder)
        if ended.code == 0:
            break
        refused(ended, "cannot be written: ")
        assert outputs(folder).keys() <= {"o.vcf.gz.parts"}
        disk("remount", "size=4m")
        complete(processes, folder, whole)
        subprocess.run(["umount", str(folder)])
    assert outputs(folder) == whole[0]
    assert kib > 50


def test_a_folder_that_cannot_be_written(processes, disk):
    folder = fill(disk("size=1m"))
    disk("remount", "ro")
    refused(processes.run(folder), "o.vcf.gz.parts: cannot be written: Read-only file system")


def test_a_folder_that_is_missing(processes, folder):
    refused(processes.run(folder, *COMMAND, "--matrix", "no/m.parquet"), "no folder no; make it")
    assert outputs(folder) == {}


STREAM = ["score", "in.vcf", "-f", "g.fa", "-o", "-", "--shifts", "1", "--no-version", "-q"]


def test_a_stream_is_whole_after_a_kill(processes, folder):
    """What is resumed would be missing from it."""
    command = [*STREAM, "--matrix", "m.parquet"]
    once = processes.run(folder, *command)
    matrix = (folder / "m.parquet").read_bytes()
    (folder / "m.parquet").unlink()
    killed = processes.run(folder, *command, die=9)
    assert killed.code == -signal.SIGKILL
    assert outputs(folder).keys() == {"m.parquet.parts"}
    assert processes.run(folder, *command, "--resume") == once
    assert outputs(folder) == {"m.parquet": matrix}
    assert once.out.count("MFD_STATUS=") == N_RECORDS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stream_that_is_interrupted_leaves_nothing(processes, folder, number):
    processes.start(folder, *STREAM, "--matrix", "m.parquet", pause=0.2)
    wait_for(folder / "m.parquet.parts", "000000-000000.*.json")
    ended = processes.end(number)
    assert ended.code == 128 + number
    assert ended.err.strip() in ("mfdvep: interrupted", "mfdvep: terminated")
    assert outputs(folder) == {}


def through(fifo: Path, data: bytes) -> Path:
    """Make a pipe into which a thread writes; then it is closed."""
    os.mkfifo(fifo)
    threading.Thread(target=fifo.write_bytes, args=(data,), daemon=True).start()
    return fifo


def test_a_pipe_whose_writer_dies(processes, folder):
    text = (HEADER + records(N_RECORDS)).encode()
    packed = gzip.compress(text)
    for n, data in enumerate((text[:-9], packed[: len(packed) // 2], packed[:-4], text[:40], b"")):
        source = str(through(folder.parent / f"fifo{n}", data))
        ended = processes.run(folder, "score", source, *COMMAND[2:])
        refused(ended, source)
        assert outputs(folder) == {}


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    """The command as it is typed, with a real model, in a folder with many records."""
    folder = fill(tmp_path_factory.mktemp("typed"))
    save_model(make_model(), folder / "model", about={"name": "small"})
    (folder / "in.vcf").write_text(HEADER + records(1500))
    script = 'exec "$PYTHON" -W error -m mfdvep score "$@" -f g.fa -m model'
    options = "--shifts 1 --strand forward --threads 1 --batch-size 16 --no-version -q"
    environment = {
        **os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(TESTS.parent),
        "OMP_NUM_THREADS": "1", "MFDVEP": f"{script} {options}",
    }  # fmt: skip

    def start(*args: str, shell: str = 'exec bash -c "$MFDVEP" - "$@"', **how) -> subprocess.Popen:
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **how}
        return subprocess.Popen(
            ["bash", "-c", shell, "-", *args], cwd=folder, env=environment,
            stderr=subprocess.PIPE, text=True, **how,
        )  # fmt: skip

    return folder, start


INPUTS_OF_TYPED = {*INPUTS, "model"}


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - INPUTS_OF_TYPED


def test_the_command_as_typed_is_killed_and_resumed(typed):
    folder, start = typed
    for name in ("once", "again"):
        (folder / name).mkdir()
    args = ["in.vcf", "--matrix"]
    once = start(*args, "once/m.parquet", "-o", "once/o.vcf.gz")
    assert once.communicate(timeout=60) == ("", "")
    args += ["again/m.parquet", "-o", "again/o.vcf.gz"]
    for number in (0, 2):
        process = start(*args, "--resume")
        wait_for(folder / "again" / "o.vcf.gz.parts", f"000000-{number:06d}.*.json")
        process.kill()
        process.communicate()
    process = start(*args, "--resume")
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0
    assert outputs(folder / "again") == outputs(folder / "once")
    for name in ("once", "again"):
        shutil.rmtree(folder / name)


@pytest.mark.parametrize("options", [[], ["--matrix", "m.parquet"]])
def test_a_reader_who_has_had_enough(typed, options):
    folder, start = typed
    shell = 'bash -c "$MFDVEP" - "$@" | head -1; exit ${PIPESTATUS[0]}'
    process = start("in.vcf", "-o", "-", *options, shell=shell)
    assert process.communicate(timeout=60) == ("##fileformat=VCFv4.3\n", "")
    assert process.returncode == 141
    assert left(folder) == set()


@pytest.mark.parametrize(
    ("redirection", "says"),
    [
        (">/dev/full", "standard output: cannot be written: No space left on device"),
        (">&-", "standard output is closed"),
        ("<&-", "standard input is closed"),
    ],
)
def test_a_standard_stream_that_cannot_be_used(typed, redirection, says):
    folder, start = typed
    vcf = "-" if "<" in redirection else "in.vcf"
    process = start(vcf, "-o", "-", shell=f'exec bash -c "$MFDVEP" - "$@" {redirection}')
    ended = Ended(0, *process.communicate(timeout=60), 0)
    refused(Ended(process.returncode, ended.out, ended.err, 0), says)
    assert left(folder) == set()


def stopped(process: subprocess.Popen, number: int = signal.SIGINT) -> tuple[int, str]:
    """Interrupt a process that waits, for 3 s at most; return its exit status and what it said."""
    time.sleep(2.5)  # until it waits; the imports take one
    process.send_signal(number)
    try:
        process.wait(timeout=3)
    finally:
        process.kill()
        said = process.communicate()[1]
    return process.returncode, said.strip()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_an_input_on_which_nothing_comes(typed, tmp_path, named, packed):
    """The thread that reads waits for ever, after the records that are looked at first."""
    folder, start = typed
    data = (folder / "in.vcf").read_bytes()
    if packed:
        squeeze = zlib.compressobj(wbits=31)
        data = squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    if named:
        process = start(str(fifo), "-o", "-", stdout=subprocess.DEVNULL)
    else:
        shell = f'exec bash -c "$MFDVEP" - "$@" <{shlex.quote(str(fifo))}'
        process = start("-", "-o", "-", shell=shell, stdout=subprocess.DEVNULL)
    with fifo.open("wb") as writing:
        writing.write(data)
        writing.flush()
        assert stopped(process) == (130, "mfdvep: interrupted")
    assert left(folder) == set()


def test_an_output_that_nobody_reads(typed):
    folder, start = typed
    process = start("in.vcf", "-o", "-", "--matrix", "m.parquet")
    assert stopped(process, signal.SIGTERM) == (143, "mfdvep: terminated")
    assert left(folder) == set()
