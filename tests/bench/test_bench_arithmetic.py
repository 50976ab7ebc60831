"""The benchmark's arithmetic: what it reads, medians, ratios, verdicts, tables."""

from __future__ import annotations

import os
import sys

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("the benchmark reads Linux's /proc", allow_module_level=True)

from bench import proc
from bench.campaign import rotated
from bench.errors import BenchError
from bench.load import parse
from bench.report import as_json
from bench.results import Cell, Metric, Result, Sample, ratio
from bench.scenarios import SCENARIOS
from bench.servers import (
    PAIRS,
    SERVERS,
    WS_PAIRS,
    WS_SERVERS,
    WSGI_PAIRS,
    WSGI_SERVERS,
    Certificate,
    Listen,
)
from bench.startup import COMMANDS
from bench.table import markdown, show_result, show_verdicts
from bench.targets import TARGETS, Target, judge

RATE = Metric(key="rate", label="req/s", better="more")
CPU = Metric(key="cpu", label="CPU", better="less", digits=1)


def cell(server, rates, cpus, errors=0):
    samples = {
        number: Sample(values={"rate": rate, "cpu": cpu}, errors=errors)
        for number, (rate, cpu) in enumerate(zip(rates, cpus, strict=True))
    }
    return Cell(server=server, samples=samples)


def result(*cells):
    return Result(
        scenario="get",
        title="Small GET",
        metrics=(RATE, CPU),
        pairs=(("ours", "theirs"),),
        cells={each.server: each for each in cells},
    )


def test_stat_counts_user_and_system_time_and_ended_children_whatever_the_command_is_called():
    stat = proc.parse_stat("17 (a) b (c) S 5 17 17 0 -1 4194304 9 9 0 0 100 20 7 3 20 0 1 0 4242 1")
    assert stat == proc.Stat(pid=17, parent=5, ticks=120, ended=10, started=4242)


def test_rollup_gives_proportional_and_private_bytes():
    memory = proc.parse_rollup(
        "55d0-7ffe ---p 00000000 00:00 0 [rollup]\n"
        "Rss: 900 kB\nPss: 500 kB\nPss_Anon: 1 kB\nPrivate_Clean: 30 kB\nPrivate_Dirty: 70 kB\n"
    )
    assert memory == proc.Memory(pss=500 * 1024, private=100 * 1024)


def test_a_tree_is_the_process_and_all_below_it_and_nobody_else():
    def stat(pid, parent):
        return proc.Stat(pid=pid, parent=parent, ticks=1, ended=0, started=0)

    stats = {pid: stat(pid, parent) for pid, parent in [(1, 0), (5, 1), (6, 5), (7, 6), (8, 1)]}
    assert [each.pid for each in proc.descendants(stats, 5)] == [5, 6, 7]
    assert proc.descendants(stats, 99) == []


def test_cpu_and_memory_of_a_living_process_are_read():
    before = proc.precise_cpu(os.getpid())
    sum(range(200_000))
    assert proc.precise_cpu(os.getpid()) > before
    assert proc.cpu(os.getpid()) > 0
    assert proc.memory(os.getpid()).pss > 1_000_000


def test_the_result_line_of_wrk_is_found_and_what_failed_is_no_request_served():
    load = parse(
        "Running 1s test\n  1 threads\n"
        '{"requests": 300, "bytes": 9000, "microseconds": 1500000, '
        '"errors": {"connect": 1, "read": 2, "write": 3, "status": 4, "timeout": 5}}\n',
        client_cpu=0.5,
        elapsed=2.0,
    )
    assert (load.requests, load.size, load.seconds) == (296, 9000, 1.5)  # 4 were refused
    assert load.errors == 15
    assert load.client_busy == 0.25


def test_output_of_wrk_without_a_result_is_an_error_that_shows_it():
    with pytest.raises(BenchError, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:1\n", client_cpu=0, elapsed=1)


def test_median_and_best_follow_what_is_better():
    each = cell("ours", [100, 300, 200], [9, 5, 7])
    assert (each.median(RATE), each.best(RATE)) == (200, 300)
    assert (each.median(CPU), each.best(CPU)) == (7, 5)


def test_a_ratio_is_the_median_of_the_rounds_so_that_drift_falls_out():
    # The machine halves its speed from round to round; ours is always twice as fast.
    ours = cell("ours", [400, 200, 100], [1, 2, 4])
    theirs = cell("theirs", [200, 100, 50], [2, 4, 8])
    found = ratio(ours, theirs, RATE)
    assert found is not None
    assert (found.median, found.best) == (2.0, 2.0)


def test_a_ratio_uses_only_rounds_that_both_have():
    ours = Cell(server="ours", samples={1: Sample(values={"rate": 30})})
    theirs = Cell(
        server="theirs",
        samples={0: Sample(values={"rate": 1}), 1: Sample(values={"rate": 10})},
    )
    found = ratio(ours, theirs, RATE)
    assert found is not None
    assert found.median == 3.0
    assert ratio(ours, Cell(server="theirs"), RATE) is None
    assert ratio(ours, None, RATE) is None


def test_nothing_is_divided_by_zero():
    assert ratio(cell("a", [1], [1]), cell("b", [1], [0]), CPU) is None


def test_each_round_begins_with_another_server_and_misses_none():
    names = ["a", "b", "c"]
    assert [rotated(names, number)[0] for number in range(4)] == ["a", "b", "c", "a"]
    assert sorted(rotated(names, 2)) == names
    assert rotated([], 3) == []


def target(limit, *, at_most=True, peer="theirs", metric="cpu"):
    return Target(
        scenario="get", metric=metric, ours="ours", peer=peer, limit=limit, at_most=at_most
    )


@pytest.mark.parametrize(
    ("limit", "at_most", "metric", "state"),
    [
        (0.5, True, "cpu", "PASS"),
        (0.49, True, "cpu", "FAIL"),
        (2.0, False, "rate", "PASS"),
        (2.01, False, "rate", "FAIL"),
    ],
)
def test_a_target_passes_up_to_its_limit(limit, at_most, metric, state):
    results = {"get": result(cell("ours", [200], [5]), cell("theirs", [100], [10]))}
    verdict = judge(target(limit, at_most=at_most, metric=metric), results)
    assert verdict.state == state


def test_a_target_without_a_peer_measures_the_figure_itself():
    verdict = judge(target(6, peer=None), {"get": result(cell("ours", [1, 1, 1], [4, 5, 9]))})
    assert (verdict.state, verdict.measured, verdict.best) == ("PASS", 5, 4)


def test_a_verdict_says_what_is_left_where_no_two_requests_are_alike():
    repeated = result(cell("ours", [200], [5]), cell("theirs", [100], [10]))
    varied = result(cell("ours", [150], [8]), cell("theirs", [100], [10]))
    verdict = judge(target(0.6), {"get": repeated, "get-varied": varied})
    assert (verdict.state, verdict.measured, verdict.varied) == ("PASS", 0.5, 0.8)
    assert judge(target(0.6), {"get": repeated}).varied is None


def test_a_target_that_was_not_chosen_is_not_run_and_not_failed():
    assert judge(target(1), {}).state == "not run"
    assert judge(target(1), {"get": result(cell("ours", [1], [1]))}).state == "not run"


def test_failed_requests_of_ours_fail_a_target_and_those_of_a_peer_are_noted():
    good, bad = cell("theirs", [100], [10]), cell("theirs", [100], [10], errors=2)
    ours_bad = judge(target(1), {"get": result(cell("ours", [200], [5], errors=3), good)})
    theirs_bad = judge(target(1), {"get": result(cell("ours", [200], [5]), bad)})
    assert (ours_bad.state, ours_bad.note) == ("FAIL", "ours: 3 errors")
    assert (theirs_bad.state, theirs_bad.note) == ("PASS", "theirs: 2 errors")


def test_a_server_that_did_not_start_fails_its_target_with_the_reason():
    broken = Cell(server="ours", problem="ended with exit code 3")
    verdict = judge(target(1), {"get": result(broken, cell("theirs", [1], [1]))})
    assert (verdict.state, verdict.measured) == ("FAIL", None)
    assert verdict.note == "ours: ended with exit code 3"


def test_every_target_and_pair_names_what_is_measured():
    scenarios = {scenario.name: scenario for scenario in SCENARIOS}
    for specs, pairs in (
        (SERVERS, PAIRS),
        (WS_SERVERS, WS_PAIRS),
        (WSGI_SERVERS, WSGI_PAIRS),
    ):
        assert {spec.name for spec in specs}.issuperset(name for pair in pairs for name in pair)
    for each in TARGETS:
        servers = {spec.name for spec in scenarios[each.scenario].servers}
        names = COMMANDS if each.scenario == "startup" else servers
        assert each.ours in names
        assert each.peer is None or (each.ours, each.peer) in scenarios[each.scenario].pairs
        assert each.metric in {metric.key for metric in scenarios[each.scenario].metrics}


def test_every_server_listens_on_its_port_and_over_tls_where_a_certificate_is_given(tmp_path):
    files = Certificate(chain=tmp_path / "chain.pem", key=tmp_path / "key.pem")
    for spec in (*SERVERS, *WS_SERVERS):
        clear = spec.command(Listen(port=4711))
        secure = spec.command(Listen(port=4711, certificate=files))
        assert any("4711" in argument for argument in clear)
        assert str(files.chain) not in clear
        assert {str(files.chain), str(files.key)} <= set(secure)


def test_a_table_is_aligned_markdown():
    assert markdown(["server", "req/s"], [["a", "1"], ["longer one", "12345"]]) == (
        "| server     | req/s |\n"
        "|------------|------:|\n"
        "| a          |     1 |\n"
        "| longer one | 12345 |"
    )


def test_a_result_shows_figures_ratios_errors_and_problems():
    shown = show_result(
        result(
            cell("ours", [200, 220], [5, 6]),
            cell("theirs", [100, 110], [10, 12], errors=1),
            Cell(server="broken", problem="ended with exit code 3"),
        )
    )
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "| ours | 210 | 220 | 5.5 | 5.0 | 0 |" in lines
    assert "| theirs | 105 | 110 | 11.0 | 10.0 | **2** |" in lines
    assert "| broken | - | - | - | - | - |" in lines
    assert "| ours / theirs | 2.00 | 2.00 | 0.50 | 0.50 |" in lines
    assert "- broken: ended with exit code 3" in lines


def test_verdicts_and_samples_reach_the_table_and_the_file():
    outcome = result(cell("ours", [200], [5]), cell("theirs", [100], [10]))
    verdict = judge(target(0.6), {"get": outcome})
    lines = [" ".join(line.split()) for line in show_verdicts([verdict]).splitlines()]
    assert "| get cpu: ours at most 0.6 times theirs | PASS | 0.50 | 0.50 | - |" in lines
    report = as_json({}, [outcome], [verdict])
    assert report["scenarios"]["get"]["servers"]["ours"]["samples"] == [
        {"round": 0, "errors": 0, "printed": "", "rate": 200, "cpu": 5}
    ]
    assert report["targets"][0]["state"] == "PASS"


def test_a_servers_name_is_its_own_among_those_it_is_measured_with():
    for specs in (SERVERS, WS_SERVERS, WSGI_SERVERS):
        names = [spec.name for spec in specs]
        assert len(set(names)) == len(names)
