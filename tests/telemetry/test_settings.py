"""What the options of the telemetry mean, and what is refused."""

from __future__ import annotations

import pytest

from closeshave.files.yamlfile import InvalidFile
from closeshave.telemetry.settings import GRAFANA_TOKEN, NOTHING, OTLP_HEADERS, Collector, Grafana, Listen, TelemetrySettings, read

GRAFANA, OTLP = "https://grafana.example/base/", "http://127.0.0.1:4317"


@pytest.mark.parametrize(
    ("port", "otlp", "grafana", "environ", "expected"),
    [
        (None, "", "", {}, NOTHING),
        (9464, "", "", {}, TelemetrySettings(metrics=Listen("127.0.0.1", 9464))),
        (0, "", "", {}, TelemetrySettings(metrics=Listen("127.0.0.1", 0))),
        (None, OTLP, "", {}, TelemetrySettings(otlp=Collector(OTLP))),
        (
            None,
            OTLP,
            "",
            {OTLP_HEADERS: "X-Token=a=b, other=c"},
            TelemetrySettings(otlp=Collector(OTLP, (("x-token", "a=b"), ("other", "c")))),
        ),
        (None, "", GRAFANA, {GRAFANA_TOKEN: "t"}, TelemetrySettings(grafana=Grafana("https://grafana.example/base", "t"))),
    ],
)
def test_options_become_settings(port, otlp, grafana, environ, expected):
    """Each receiver by itself."""
    assert read(port, "127.0.0.1", otlp, grafana, environ) == expected


def test_secrets_are_taken_out_of_the_environment_and_not_shown():
    """No process that is started later has them, and no message that shows the settings does."""
    environ = {GRAFANA_TOKEN: "s3cret", OTLP_HEADERS: "a=s3cret", "OTHER": "kept"}
    settings = read(None, "127.0.0.1", OTLP, GRAFANA, environ)
    assert environ == {"OTHER": "kept"}
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("otlp", "grafana", "environ", "sentence"),
    [
        ("", GRAFANA, {}, f"--grafana: needs the token of a service account in the variable {GRAFANA_TOKEN}"),
        ("localhost:4317", "", {}, "--otlp: 'localhost:4317' is no address"),
        ("ftp://host", "", {}, "is no address"),
        ("http://", "", {}, "is no address"),
        ("http://host:99999", "", {}, "is no address"),
        ("http://[::1", "", {}, "is no address"),
        ("http://user:s3cret@host", "", {}, "--otlp: must hold no user and no password"),
        ("", "http://user:s3cret@host", {GRAFANA_TOKEN: "t"}, "--grafana: must hold no user and no password"),
        ("", GRAFANA, {GRAFANA_TOKEN: "a\nb"}, f"{GRAFANA_TOKEN}: is no token"),
        (OTLP, "", {OTLP_HEADERS: "=x"}, f"{OTLP_HEADERS}: write name=value"),
    ],
)
def test_what_is_wrong_is_named_before_anything_starts(otlp, grafana, environ, sentence):
    """With the option or the variable, and never with what may be a secret."""
    with pytest.raises(InvalidFile) as refused:
        read(None, "127.0.0.1", otlp, grafana, environ)
    assert sentence in str(refused.value)
    assert "s3cret" not in str(refused.value)
