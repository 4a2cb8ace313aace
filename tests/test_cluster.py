"""Jobs on a cluster: a real local one of two nodes, one of which is killed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from core import cluster
from core.jobs import Scheduler, State
from core.problem import Problem
from core.steps import Step

LIMIT = 60.0


def test_without_an_address_nothing_of_ray_is_imported():
    code = (
        "import sys; from core import cluster; make = lambda: iter(());"
        "assert cluster.anywhere(make) is make; print('ray' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": "."}, capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr


@pytest.fixture(scope="module")
def two_nodes():
    pytest.importorskip("ray", reason="Ray is not installed; see requirements-cluster.txt")
    import ray
    from ray.cluster_utils import Cluster

    sizes = {"object_store_memory": 100 << 20}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **sizes})
    first = made.add_node(num_cpus=1, **sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cluster.ADDRESS, made.address)
        yield made, first, sizes
        ray.shutdown()
        cluster._workers.cache_clear()
    made.shutdown()


@pytest.fixture
def turns():
    made = Scheduler()
    yield made
    made.close()


def counting(total: int):
    def count():
        import os
        import time

        for index in range(1, total + 1):
            time.sleep(0.01)  # work
            yield Step(index, total, scalars={"number": float(index)}, result=os.getpid())

    return count


def failing():
    def fail():  # not of this module, which a worker would have to import
        yield Step(1, 2)
        raise Problem("{file} is empty.", file="cat.jpg")

    return fail


def until(job, true):
    snapshot = job.snapshot()
    while not true(snapshot):
        before = snapshot.version
        snapshot = job.wait(before, timeout=LIMIT)
        assert snapshot.version > before, "the job hangs"
        assert not snapshot.state.is_end or true(snapshot), snapshot
    return snapshot


def test_steps_stream_back_stop_works_and_problems_arrive(two_nodes, turns):
    import os

    job = turns.submit("a", "page", cluster.anywhere(counting(20)), lambda last: last.result)
    snapshot = job.wait(timeout=LIMIT)
    assert snapshot.state == State.DONE
    assert snapshot.history["number"] == tuple(range(1, 21))
    assert snapshot.result != os.getpid()  # made by another process

    job = turns.submit("a", "page", cluster.anywhere(counting(10**6)))
    until(job, lambda s: s.history.get("number"))
    job.stop()
    assert job.wait(timeout=LIMIT).state == State.STOPPED

    job = turns.submit("a", "page", cluster.anywhere(failing()))
    assert str(job.wait(timeout=LIMIT).problem) == "cat.jpg is empty."


def test_a_job_of_a_lost_node_starts_again_on_another_and_says_so(two_nodes, turns):
    made, first, sizes = two_nodes
    job = turns.submit("a", "page", cluster.anywhere(counting(10**6)))
    until(job, lambda s: len(s.history.get("number", ())) > 20)
    made.add_node(num_cpus=1, **sizes)
    made.remove_node(first, allow_graceful=False)
    until(job, lambda s: s.step.phase == "a computer was lost, starting again")
    snapshot = until(job, lambda s: s.history["number"].count(5.0) == 2)
    assert snapshot.state == State.RUNNING
