"""The files in configs/cluster fit what reads them, and show the token to nobody else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray.autoscaler
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "configs" / "cluster"
CLUSTERS = ("on_premises.yaml", "aws.yaml")
MANIFEST = "kuberay_job.yaml"
KUBERAY = json.loads((ROOT / "tests" / "cluster_files" / "kuberay_rayjob_v1.7.0.json").read_text())
"""KubeRay's published fields with their types, and where they were read."""

FREE = ("any object", "map of string", "map of integer or string")
TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "integer or string": (int, str),
    "object": dict,
    "array": list,
}


def problems(value: Any, path: str) -> Iterator[str]:
    """Yield each field of a manifest that KubeRay does not publish, or of another type."""
    if isinstance(value, list):
        for inner in value:
            yield from problems(inner, f"{path}[]") if isinstance(inner, dict) else ()
        return
    for name, inner in value.items():
        field = f"{path}.{name}"
        kind = KUBERAY["fields"].get(field)
        if kind is None:
            yield f"{field}: no such field"
        elif kind.startswith("map of"):
            wanted = TYPES[kind.removeprefix("map of ")]
            if not isinstance(inner, dict) or not all(
                isinstance(each, wanted) for each in inner.values()
            ):
                yield f"{field}: must be a {kind}, got {inner!r}"
        elif not isinstance(inner, TYPES[kind]):
            yield f"{field}: must be of type {kind}, got {inner!r}"
        elif kind in ("object", "array"):
            yield from problems(inner, field)


def manifest() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / MANIFEST).read_text())


@pytest.mark.parametrize("name", CLUSTERS)
def test_rays_cluster_files_fit_the_schema_of_the_installed_ray(name):
    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    config = yaml.safe_load((FOLDER / name).read_text())
    jsonschema.validate(config, schema)


@pytest.mark.parametrize(("name", "workers"), [("on_premises.yaml", 2), ("aws.yaml", 1)])
def test_ray_up_takes_the_file_up_to_the_first_machine(name, workers):
    """Ray fills in its defaults, and checks what the schema does not."""
    config = prepare_config(yaml.safe_load((FOLDER / name).read_text()))
    validate_config(config)
    kinds = config["available_node_types"]
    assert config["head_node_type"] in kinds
    assert sum(kind.get("min_workers", 0) for kind in kinds.values()) == workers


def test_the_manifest_has_fields_that_kuberay_publishes():
    content = manifest()
    assert content["apiVersion"] == KUBERAY["apiVersion"]
    assert list(problems(content["spec"], "spec")) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"entryPoint": "nas"}, "spec.entryPoint: no such field"),
        ({"backoffLimit": "2"}, "spec.backoffLimit: must be of type integer, got '2'"),
        (
            {"rayClusterSpec": {"headGroupSpec": {"rayStartParams": {"num-cpus": 0}}}},
            "rayStartParams: must be a map of string",
        ),
    ],
)
def test_a_wrong_field_is_told(change, said):
    assert said in "; ".join(problems(manifest()["spec"] | change, "spec"))


def test_the_manifest_is_for_the_installed_ray():
    assert manifest()["spec"]["rayClusterSpec"]["rayVersion"] == ray.__version__


def test_every_launcher_demands_a_token():
    for name in CLUSTERS:
        config = yaml.safe_load((FOLDER / name).read_text())
        starts = [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]
        assert all("RAY_AUTH_MODE=token" in command for command in starts)
        assert any("chmod 600 ~/.ray/auth_token" in each for each in config["setup_commands"])
    assert manifest()["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    script = (FOLDER / "slurm.sh").read_text()
    assert "export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=" in script
    assert script.index("umask 077") < script.index('> "$secret/token"')


@pytest.mark.parametrize("file", sorted(FOLDER.iterdir()), ids=lambda file: file.name)
def test_no_file_holds_a_secret(file):
    text = file.read_text()
    assert re.search(r"RAY_AUTH_TOKEN=|\b[0-9a-f]{32,}\b|://\w+:[^@\s]+@", text) is None
    head = text.partition("\n\n")[0] if file.suffix == ".sh" else text
    for word in ("Command:", "Time:", "Result:"):
        assert f"# {word}" in head
