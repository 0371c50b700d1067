"""Debian's Prometheus on the real server: our dashboard and our rules ask for nothing that is not there."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mediaserver.server_process import ServerProcess

CONFIG = Path(__file__).parents[2] / "config"
ALERTS, DASHBOARD = CONFIG / "alerts.yml", CONFIG / "grafana.json"
NAME = re.compile(r"\b(?:mediaserver|process)_[a-z0-9_]+")
DEADLINE_S = 30.0

pytestmark = pytest.mark.tools("prometheus", "promtool")


class Prometheus:
    """Its HTTP API."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **query: str) -> Any:
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            body = json.load(answer)
        assert body["status"] == "success", body
        return body["data"]

    def value(self, expression: str) -> list[Any]:
        """The samples that an expression has now. An expression that does not parse raises."""
        return self.ask("query", query=expression)["result"]

    @property
    def target(self) -> dict[str, Any]:
        """Of the only scrape; before the first one its health is unknown."""
        found = self.ask("targets")["activeTargets"]
        return found[0] if found else {"health": "unknown"}


def until(condition: Callable[[], bool], what: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        if time.monotonic() > deadline_s:
            pytest.fail(f"{what()}")
        threading.Event().wait(0.1)


@pytest.fixture(scope="module")
def streaming(
    server: ServerProcess, publish: Callable[..., object], until_state: Callable[..., object]
) -> None:
    """A stream with an encoded rung, so that its worker has series."""
    publish(server.publish_url("show", ladder=["360p"]), "--size", "640x360", "--fps", "25")
    until_state(server, "show")


@pytest.fixture(scope="module")
def prometheus(
    server: ServerProcess, streaming: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = folder / "prometheus.yml"
    file.write_text(
        f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{ALERTS}"]
scrape_configs:
  - job_name: mediaserver
    static_configs: [{{targets: ["127.0.0.1:{urlsplit(server.http_url).port}"]}}]
"""
    )
    subprocess.run(["promtool", "check", "config", str(file)], check=True, capture_output=True, timeout=30)
    log = folder / "prometheus.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"],
            stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
        )  # fmt: skip
    try:
        started = Prometheus(port)
        until(lambda: started.target["health"] == "up", lambda: log.read_text())
        yield started
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def exposed_names(server: ServerProcess) -> set[str]:
    """Names that samples of the page may have, by its TYPE lines."""
    with urllib.request.urlopen(f"{server.http_url}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    names = set()
    for line in page.splitlines():
        if not line.startswith("# TYPE "):
            continue
        _, _, name, kind = line.split()
        names.add(name)
        if kind == "histogram":
            names |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
    return names


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads(DASHBOARD.read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    """Of the dashboard, with its variables filled in as Grafana does for "all"."""
    found = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [expression.replace("$job", ".*").replace("$stream", ".*") for expression in found]


def test_the_rules_check(tmp_path: Path) -> None:
    done = subprocess.run(["promtool", "check", "rules", str(ALERTS)], capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr.decode()


def test_every_name_that_is_asked_for_is_there(server: ServerProcess, streaming: None) -> None:
    names = exposed_names(server)
    asked = {"alerts": set(NAME.findall(ALERTS.read_text())), "dashboard": set()}
    for text in [
        *expressions(),
        *(v["query"] for v in json.loads(DASHBOARD.read_text())["templating"]["list"]),
    ]:
        asked["dashboard"] |= set(NAME.findall(text))
    for where, wanted in asked.items():
        assert wanted, where
        assert wanted <= names, f"{where} asks for {sorted(wanted - names)}"
    ours = {
        name for name in names if name.startswith("mediaserver_") and not name.endswith(("_sum", "_count"))
    }
    # Histograms are asked for by their buckets; what came and what went out of the house is in the dashboard.
    unseen = ours - asked["dashboard"] - {name.removesuffix("_bucket") for name in asked["dashboard"]}
    assert not unseen, f"nobody looks at {sorted(unseen)}"


def test_targets_are_up_and_the_rules_are_healthy(prometheus: Prometheus) -> None:
    assert prometheus.target["lastError"] == ""

    def evaluated() -> bool:
        (group,) = prometheus.ask("rules")["groups"]
        return all(rule["health"] == "ok" for rule in group["rules"])

    until(evaluated, lambda: prometheus.ask("rules"))
    (group,) = prometheus.ask("rules")["groups"]
    assert len(group["rules"]) >= 15
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["name"]
        assert {"summary", "description"} <= rule["annotations"].keys(), rule["name"]
        assert rule["state"] != "firing", rule


def test_every_panel_has_an_expression_that_works(prometheus: Prometheus) -> None:
    for expression in expressions():
        prometheus.value(expression)


def test_the_streams_figures_arrive(prometheus: Prometheus, server: ServerProcess) -> None:
    for name in (
        "stream_input_bps", "stream_input_fps", "stream_keyframe_interval_seconds", "stream_latency_seconds",
        "stream_part_lateness_seconds_count", "worker_pid", "worker_resident_memory_bytes",
        "worker_rung_speed", "worker_rung_encoder_info", "ready", "event_loop_lag_max_seconds",
    ):  # fmt: skip
        expression = f"mediaserver_{name} > 0"
        until(lambda expression=expression: bool(prometheus.value(expression)), lambda name=name: name)
    status, figures = server.call("GET", "/api/v1/streams/show/statistics")
    assert status == 200
    assert figures["state"] == "live"
    assert figures["fps"] == pytest.approx(25, rel=0.3)
    assert figures["keyframe_interval_s"] > 0
    assert 0 < figures["latency_s"] < 5
    by_name = {rendition["name"]: rendition for rendition in figures["renditions"]}
    assert by_name["360p"]["state"] == "encoded"
    assert by_name["360p"]["encoder"]
    assert figures["worker"]["state"] == "running"
