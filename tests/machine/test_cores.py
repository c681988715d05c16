"""How many threads work, where what the machine has and what a process is given of it differ."""

import os
import subprocess
import sys

import pytest

from janelm.engines.base import default_threads
from janelm.machine import cores as module
from janelm.machine.cores import cores


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """Eight cores without limits; returns what sets a control group's."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(module, "GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(module, "MOUNT", tmp_path / "fs")

    def limit(line, **files):
        (tmp_path / "cgroup").write_text(line + "\n")
        for name, content in files.items():
            path = tmp_path / "fs" / name.replace("__", "/").replace("max", "cpu.max").replace("cfs", "cpu.cfs")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content + "\n")

    return limit


def test_all_cores_are_used_where_nothing_limits_them():
    assert cores() == 8


def test_the_cores_that_a_process_is_bound_to_count(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5})
    assert cores() == default_threads() == 1


def test_without_affinity_the_machines_cores_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", 8), ("150000 100000", 1), ("300000 100000", 3), ("20000 100000", 1)]
)
def test_a_containers_share_of_time_counts(machine, quota, expected):
    machine("0::/", max=quota)
    assert cores() == expected


def test_the_narrowest_group_around_a_process_counts(machine):
    machine("0::/outer/inner", outer__inner__max="max 100000", outer__max="200000 100000")
    assert cores() == 2


def test_the_older_kind_of_groups_counts_too(machine):
    machine("4:cpuset:/box\n3:cpu,cpuacct:/box", cpu__box__cfs_quota_us="200000", cpu__box__cfs_period_us="100000")
    assert cores() == 2
    machine("3:cpu,cpuacct:/box", cpu__box__cfs_quota_us="-1")
    assert cores() == 8


@pytest.mark.parametrize("line", ["", "0::", "nonsense", "0::/../..", "1:name=systemd:/x"])
def test_groups_that_cannot_be_read_limit_nothing(machine, line):
    machine(line, max="a b c")
    assert cores() == 8


@pytest.mark.parametrize(("asked", "expected"), [("1", 1), ("3,2", 3), ("99", 8), ("0", 8), ("many", 8), ("", 8)])
def test_omp_num_threads_is_obeyed_where_it_is_a_number(monkeypatch, asked, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert cores() == expected


@pytest.mark.parametrize(
    ("given", "expected"), [({}, "1000"), ({"GOMP_SPINCOUNT": "5"}, "5"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")]
)
def test_every_command_lets_idle_threads_sleep_unless_told_otherwise(given, expected):
    """On a busy machine two threads were several times slower than one."""
    code = "import atexit, os, janelm.cli; atexit.register(lambda: print(os.environ.get('GOMP_SPINCOUNT')))"
    code += "; janelm.cli.main(['compare', '--help'])"
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("GOMP", "OMP"))}
    ran = subprocess.run([sys.executable, "-c", code], env=plain | given, capture_output=True, text=True)
    assert ran.stdout.splitlines()[-1] == expected
