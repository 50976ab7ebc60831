"""Units, images and manifests: valid, and consistent with the server that they start."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from nonecorn.spi.units import parse_seconds
from nonecorn.testing import ServeProcess
from tests.health.probing import metrics, says, until
from tests.recipes.backend import HERE
from tests.recipes.proxies import RECIPES

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="recipes for Linux")
SYSTEMD = shutil.which("systemd-analyze")


@contextmanager
def started(command, **changes):
    """The server that a recipe starts, elsewhere; where it answers health checks."""
    assert command[:2] == ["nonecorn", "serve"]
    arguments = [
        "127.0.0.1:0" if each in ("0.0.0.0:8000", "systemd:web", "127.0.0.1:9100", "0.0.0.0:9100")
        else re.sub("=0.0.0.0:[0-9]+$", "=127.0.0.1:0", each)
        for each in command[2:]
    ]  # fmt: skip
    assert arguments.pop() == "shop.web:app"
    arguments += ["--lifespan", "off"]
    with ServeProcess("shop:app", arguments, cwd=HERE) as server:
        line = server.wait_for_line("health and metrics on http://127.0.0.1:")
        port = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert port is not None
        yield server, ("127.0.0.1", int(port[1]))
    assert server.exit_code == 0


# systemd ------------------------------------------------------------------------------------------


def section(name, wanted):
    """Lines of a unit file's section, by key; no key twice."""
    text = (RECIPES / name).read_text()
    body = re.search(rf"^\[{wanted}\]$(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    lines = [line for line in body[1].splitlines() if line and not line.startswith("#")]
    found = dict(line.split("=", 1) for line in lines)
    assert len(found) == len(lines)
    return found


@pytest.mark.skipif(SYSTEMD is None, reason="systemd-analyze is not installed")
def test_systemd_has_nothing_to_say_about_the_units(tmp_path):
    text = (RECIPES / "shop.service").read_text()
    program = shutil.which("true")
    (tmp_path / "shop.service").write_text(
        text.replace("/srv/shop/venv/bin/nonecorn", str(program))
    )
    shutil.copy(RECIPES / "shop.socket", tmp_path)
    done = subprocess.run(
        [SYSTEMD, "verify", str(tmp_path / "shop.service"), str(tmp_path / "shop.socket")],
        capture_output=True,
        text=True,
        check=False,
    )
    if "not been booted with systemd" in done.stderr:
        pytest.skip("systemd-analyze needs a running systemd here")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_starts_this_server_and_waits_for_its_end():
    service = section("shop.service", "Service")
    program, *arguments = shlex.split(service["ExecStart"])
    with started([Path(program).name, *arguments]) as (server, health):
        assert says(health) == (200, "ready\n")
        assert "2 workers" in server.errors
    # The defaults: 10 s for requests, 60 s for the application's shutdown.
    assert float(service["TimeoutStopSec"]) > 10 + 60
    assert section("shop.socket", "Socket")["FileDescriptorName"] == "web"
    assert "systemd:web" in arguments


# Docker -------------------------------------------------------------------------------------------


def instructions():
    """The Dockerfile's lines by instruction."""
    text = (RECIPES / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line and line[0] != "#"]
    return dict(lines)


def health_check(health):
    """What Docker runs in the container, with another port."""
    check = instructions()["HEALTHCHECK"].partition(" CMD ")[2]
    command = [
        each.replace("127.0.0.1:9100", f"{health[0]}:{health[1]}") for each in json.loads(check)
    ]
    return subprocess.run([sys.executable, *command[1:]], capture_output=True, check=False)


def test_the_image_starts_this_server_and_knows_whether_it_is_well():
    found = instructions()
    assert found["STOPSIGNAL"] == "SIGTERM"
    assert {"8000", "9100"} == set(found["EXPOSE"].split())
    with started(json.loads(found["CMD"])) as (_, health):
        assert health_check(health).returncode == 0
    assert health_check(health).returncode != 0


# Kubernetes ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def manifests():
    found = list(yaml.safe_load_all((RECIPES / "kubernetes.yaml").read_text()))
    return {each["kind"]: each for each in found}


@pytest.fixture(scope="module")
def pod(manifests):
    return manifests["Deployment"]["spec"]["template"]["spec"]


def test_the_parts_belong_together(manifests, pod):
    labels = manifests["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for each in ("Service", "PodDisruptionBudget"):
        selector = manifests[each]["spec"]["selector"]
        assert selector.get("matchLabels", selector) == labels
    assert manifests["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    target = manifests["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert target["name"] == manifests["Deployment"]["metadata"]["name"]
    [container] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert f"--bind=0.0.0.0:{ports['http']}" in container["args"]
    assert f"--health-bind=0.0.0.0:{ports['health']}" in container["args"]
    assert manifests["Service"]["spec"]["ports"][0]["targetPort"] in ports


def test_the_pod_has_the_time_that_its_server_may_take(pod):
    [container] = pod["containers"]
    found = dict(each[2:].split("=") for each in container["args"] if "=" in each)
    needed = sum(
        parse_seconds(found[name])
        for name in ("drain-delay", "graceful-timeout", "shutdown-timeout")
    )
    assert pod["terminationGracePeriodSeconds"] > needed
    readiness = container["readinessProbe"]
    noticed = readiness["periodSeconds"] * readiness["failureThreshold"]
    assert parse_seconds(found["drain-delay"]) > noticed


def test_its_probes_are_answered_from_start_to_end(pod):
    [container] = pod["containers"]
    paths = {
        name: container[f"{name}Probe"]["httpGet"]["path"]
        for name in ("startup", "readiness", "liveness")
    }
    with started(container["args"]) as (server, health):
        for path in paths.values():
            assert says(health, path)[0] == 200
        server.terminate()
        until(lambda: says(health, paths["readiness"])[0], 503)
        assert says(health, paths["liveness"])[0] == 200
        server.terminate()


def test_the_autoscaler_and_its_adapter_name_a_metric_that_there_is(manifests, pod):
    [metric] = manifests["HorizontalPodAutoscaler"]["spec"]["metrics"]
    name = metric["pods"]["metric"]["name"]
    [rule] = yaml.safe_load((RECIPES / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    assert rule["name"]["as"] == name
    assert rule["seriesQuery"].partition("{")[0] == name
    [container] = pod["containers"]
    with started(container["args"]) as (_, health):
        assert name in {each[0] for each in metrics(health)}
