"""Jobs: what an application may do to its task without harming the worker."""

from __future__ import annotations

import sys

import pytest
import trio

from nonecorn.testing.conformance.worker_harness import Mark, error_log
from nonecorn_trio._worker import TrioWorker


async def _settle():
    for _ in range(6):
        await trio.lowlevel.checkpoint()


def _run_jobs(*functions):
    """Run each as a job, then some that must work; return what was logged."""

    async def main(runtime):
        for function in functions:
            runtime.spawn(function)
            await _settle()
        done = Mark(runtime, "the last job")

        async def last():
            await trio.lowlevel.checkpoint()
            done.set()

        for _ in range(3):
            done = Mark(runtime, "the last job")
            runtime.spawn(last)
            await done.reached()
            await _settle()

    with error_log() as log:
        TrioWorker().run(main)
    return log.raised()


def test_an_error_is_logged_with_its_traceback():
    async def job():
        raise LookupError("mine")

    (error,) = _run_jobs(job)
    assert isinstance(error, LookupError)
    assert error.__traceback__ is not None


def test_a_system_exit_out_of_an_application_is_logged():
    async def job():
        sys.exit(3)

    (error,) = _run_jobs(job)
    assert isinstance(error, SystemExit)


def test_a_group_of_errors_is_logged_once():
    async def fail():
        raise ValueError("in a child")

    async def job():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            nursery.start_soon(fail)

    (error,) = _run_jobs(job)
    assert isinstance(error, ExceptionGroup)


def test_a_nursery_left_open_harms_nobody():
    kept = []

    async def job():
        manager = trio.open_nursery()
        kept.append(manager)
        await manager.__aenter__()

    # Newer trios report the task that did it; older ones say nothing.
    errors = _run_jobs(job, job)
    assert all("stack corrupted" in repr(error) for error in errors)
    assert len(kept) == 2


def test_a_cancel_scope_left_open_harms_nobody():
    kept = []

    async def job():
        scope = trio.CancelScope()
        kept.append(scope)
        scope.__enter__()

    _run_jobs(job, job)
    assert len(kept) == 2


def test_a_cancelled_group_keeps_the_errors_beside_the_cancellation():
    async def main(runtime):
        started = Mark(runtime, "the start")
        done = Mark(runtime, "the end")

        async def stubborn():
            try:
                await trio.sleep_forever()
            finally:
                done.set()
                raise ValueError("while cancelled")

        async def job():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                nursery.start_soon(stubborn)
                started.set()

        handle = runtime.spawn(job)
        await started.reached()
        handle.cancel()
        await done.reached()
        await _settle()

    with error_log() as log:
        TrioWorker().run(main)
    (error,) = log.raised()
    assert isinstance(error, ExceptionGroup)
    assert error.subgroup(ValueError) is not None


def test_a_job_cancelled_before_it_began_is_cancelled_at_its_first_checkpoint():
    async def main(runtime):
        done = Mark(runtime, "the end")
        reached = []

        async def job():
            try:
                await trio.lowlevel.checkpoint()
                reached.append(True)
            finally:
                done.set()

        for _ in range(2):  # With a berth of its own, and with one that is free.
            done = Mark(runtime, "the end")
            handle = runtime.spawn(job)
            handle.cancel()
            await done.reached()
            assert not reached
            await _settle()
            runtime.spawn(trio.lowlevel.checkpoint)
            await _settle()

    TrioWorker().run(main)


@pytest.mark.parametrize("count", [10, 600])
def test_berths_are_kept_for_the_next_jobs_up_to_a_bound(count):
    async def main(runtime):
        release = trio.Event()
        ended = []

        async def job():
            await release.wait()
            ended.append(True)

        handles = [runtime.spawn(job) for _ in range(count)]
        await _settle()
        assert repr(handles[0]).endswith("job running>")
        release.set()
        await _settle()
        assert repr(handles[0]).endswith("job done>")
        assert len(ended) == count
        kept = min(count, 256)
        assert f"<Jobs berths={kept} free={kept}>" in repr(runtime)
        runtime.spawn(job)
        await _settle()
        assert f"<Jobs berths={kept} free={kept}>" in repr(runtime)

    TrioWorker().run(main)


def test_a_berth_that_trio_cancelled_is_not_given_to_the_next_job():
    kept = []

    async def main(runtime):
        async def spoiling():
            manager = trio.open_nursery()
            kept.append(manager)
            await manager.__aenter__()
            # The next job, spawned as soon as this task has gone.
            trio.lowlevel.current_trio_token().run_sync_soon(runtime.spawn, following)

        done = Mark(runtime, "the job after it")

        async def following():
            await trio.lowlevel.checkpoint()
            done.set()

        runtime.spawn(spoiling)
        await done.reached()

    with error_log():
        TrioWorker().run(main)
