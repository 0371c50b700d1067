"""The alert rules on made-up histories, by promtool: they fire when they should, and only then."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

ALERTS = Path(__file__).parents[2] / "config" / "alerts.yml"
JOB = 'job="mediaserver", instance="a"'
STREAM = f'{JOB}, stream="show"'

pytestmark = pytest.mark.tools("promtool")

# What was seen each 15 s (promtool's notation: start+step x times, or value x times), and who fires after
# ten minutes.
HISTORIES = {
    "all is well": (
        {
            f"up{{{JOB}}}": "1x40",
            f'mediaserver_ready{{{JOB}, check="storage"}}': "1x40",
            f"mediaserver_event_loop_lag_max_seconds{{{JOB}}}": "0.01x40",
            f'mediaserver_streams{{{JOB}, state="interrupted"}}': "0x40",
            f'mediaserver_stream_part_lateness_max_seconds{{{STREAM}, rendition="source"}}': "0.04x40",
            f"mediaserver_stream_latency_seconds{{{STREAM}}}": "0.5x40",
            f"mediaserver_stream_timestamp_corrections_total{{{STREAM}}}": "3x40",
            f"mediaserver_stream_keyframe_interval_seconds{{{STREAM}}}": "2x40",
            f'mediaserver_worker_rung_speed{{{STREAM}, rendition="480p"}}': "2.5x40",
            f"mediaserver_worker_restarts_total{{{STREAM}}}": "1x40",
            f'mediaserver_http_requests_total{{{JOB}, status="2xx"}}': "0+1000x40",
            f'mediaserver_http_requests_total{{{JOB}, status="5xx"}}': "0x40",
            f"mediaserver_http_rate_limited_total{{{JOB}}}": "0x40",
            f"mediaserver_store_failures_total{{{JOB}}}": "0x40",
        },
        set(),
    ),
    "the server is gone": ({f"up{{{JOB}}}": "1x4 0x40"}, {"MediaserverDown"}),
    "the disk is full": (
        {
            f'mediaserver_ready{{{JOB}, check="storage"}}': "0x40",
            f"mediaserver_store_failures_total{{{JOB}}}": "0+1x40",
        },
        {"MediaserverNotReady", "MediaserverStoreFailing"},
    ),
    "parts are late for a moment only": (
        {f'mediaserver_stream_part_lateness_max_seconds{{{STREAM}, rendition="source"}}': "0x10 0.9x2 0x40"},
        set(),
    ),
    "parts stay late": (
        {f'mediaserver_stream_part_lateness_max_seconds{{{STREAM}, rendition="source"}}': "0.9x40"},
        {"MediaserverPartsLate"},
    ),
    "the machine is too slow": (
        {
            f'mediaserver_worker_rung_speed{{{STREAM}, rendition="480p"}}': "0.8x40",
            f'mediaserver_worker_rung_given_up{{{STREAM}, rendition="720p"}}': "1x40",
            f'mediaserver_worker_rung_speed{{{STREAM}, rendition="360p"}}': "0x40",
        },
        {"MediaserverEncodingSlow", "MediaserverRungGivenUp"},
    ),
    "workers keep dying": (
        {
            f"mediaserver_worker_restarts_total{{{STREAM}}}": "0+1x40",
            f"mediaserver_worker_running{{{STREAM}}}": "0x40",
        },
        {"MediaserverWorkerRestarts", "MediaserverWorkerDown"},
    ),
    "a bad encoder": (
        {
            f"mediaserver_stream_timestamp_corrections_total{{{STREAM}}}": "0+150x40",
            f"mediaserver_stream_keyframe_interval_seconds{{{STREAM}}}": "10x40",
        },
        {"MediaserverTimestampsBroken", "MediaserverKeyframesFarApart"},
    ),
    "somebody floods us": (
        {
            f"mediaserver_http_rate_limited_total{{{JOB}}}": "0+50x40",
            f'mediaserver_rtmp_limited_total{{{JOB}, limit="handshake_time"}}': "0+50x40",
        },
        {"MediaserverLimitsReached"},
    ),
    "errors": (
        {
            f'mediaserver_http_requests_total{{{JOB}, status="2xx"}}': "0+1000x60",
            f'mediaserver_http_requests_total{{{JOB}, status="5xx"}}': "0+100x60",
        },
        {"MediaserverErrors"},
    ),
}


@pytest.mark.parametrize("history", HISTORIES)
def test_who_fires(history: str, tmp_path: Path) -> None:
    series, expected = HISTORIES[history]
    names = {
        line.split("alert:")[1].strip()
        for line in ALERTS.read_text().splitlines()
        if line.strip().startswith("- alert:")
    }
    assert expected <= names
    # That they fire is asked through the series that Prometheus makes of its alerts.
    test = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": 'count by (alertname) (ALERTS{alertstate="firing"}) > bool 0',
                        "eval_time": "10m",
                        "exp_samples": [
                            {"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(expected)
                        ],
                    }
                ],
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(json.dumps(test))  # JSON is YAML
    done = subprocess.run(
        ["promtool", "test", "rules", str(file)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
