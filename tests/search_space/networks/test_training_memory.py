"""Memory of training in closed form and as autograd keeps it; the estimate of the peak."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from search_space.architecture import Architecture, Task
from search_space.attention import eager
from search_space.attention.operands import Operands
from search_space.cost import peak_memory_bytes
from search_space.cost.network import part_bytes
from search_space.networks import build
from search_space.networks.plan import plan_network
from search_space.primitives import Primitive
from search_space.space import SearchSpace
from search_space.tracing.memory import peak_bytes_per_image, saved_bytes
from search_space.zoo import named_network, network
from tests.search_space.small_detectors import CONV, LOCAL, small_detector
from tests.search_space.strategies import EVERY_KIND, architectures, examples

pytestmark = pytest.mark.many_cases


@pytest.mark.parametrize("space", EVERY_KIND, ids=lambda space: space.name)
def test_what_a_network_keeps(space: SearchSpace) -> None:
    @examples(20)
    @given(
        architecture=architectures(space),
        shape=st.sampled_from([(1, 8, 8), (3, 12, 10), (2, 12, 8)]),
    )
    def check(architecture: Architecture, shape: tuple[int, int, int]) -> None:
        task = Task(input_shape=shape, classes=5)
        parts = part_bytes(plan_network(architecture, task))
        kept = sum(part.saved for part in parts)
        assert kept == saved_bytes(build(architecture, task, seed=0), shape)
        peak = peak_memory_bytes(architecture, task)
        assert peak > kept
        assert all(part.transient > 0 for part in parts)

    check()


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("operator", [CONV, LOCAL], ids=lambda each: each.label)
@pytest.mark.parametrize("family", ["resnet", "wide_resnet"])
def test_what_a_detector_with_further_levels_keeps(
    family: str, operator: Primitive, normalized: bool
) -> None:
    architecture = small_detector(operator, family=family, normalized=normalized, layers=1)
    task = Task(input_shape=(3, 130, 150), classes=2)
    kept = sum(part.saved for part in part_bytes(plan_network(architecture, task)))
    assert kept == saved_bytes(build(architecture, task, seed=0), task.input_shape)


def one_image_at_a_time(operands: Operands) -> list[tuple[slice, slice]]:
    return [(slice(image, image + 1), slice(None)) for image in range(len(operands.q))]


# Maps are large enough that no convolution's own workspace is most of the peak.
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("resnet26@0.25", (3, 32, 32)),
        ("resnet34@0.25", (3, 32, 48)),
        ("se_resnet34@0.25", (3, 32, 32)),
        ("bam_resnet50@0.25", (3, 32, 32)),
        ("cbam_resnet50@0.25", (3, 32, 32)),
        pytest.param("gala_resnet50@0.25", (3, 32, 32), marks=pytest.mark.slow),
        ("aa_resnet34@0.25", (3, 32, 48)),
        pytest.param("aa_resnet50_k100@0.25", (3, 32, 32), marks=pytest.mark.slow),
        ("sasa_resnet26_conv_stem@0.25", (3, 32, 32)),
        pytest.param("sasa_resnet26@0.25", (3, 32, 32), marks=pytest.mark.slow),
        pytest.param("sasa_resnet50_stem_convolution@0.25", (3, 32, 32), marks=pytest.mark.slow),
        ("wide_resnet28_10@0.1", (3, 16, 24)),
        ("ge_wide_resnet28_10@0.1", (3, 16, 16)),
        ("aa_wide_resnet28_10@0.1", (3, 12, 8)),
        ("mnasnet_075@0.5", (3, 64, 64)),
        pytest.param("aa_mnasnet_100@0.5", (3, 64, 64), marks=pytest.mark.slow),
    ],
)
def test_the_estimated_peak_is_near_the_measured_one(
    name: str, shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # One image after the other: the memory that attention computes in is then the same for any
    # batch, as it is for larger maps, and no part of the estimate.
    monkeypatch.setattr(eager, "_slices", one_image_at_a_time)
    architecture = named_network(name).at_width(1.0)
    task = Task(input_shape=shape, classes=10)
    measured = peak_bytes_per_image(build(architecture, task, seed=0), shape, task.classes)
    assert 0.9 < peak_memory_bytes(architecture, task) / measured < 1.1


def test_the_estimated_peak_of_a_detector() -> None:
    architecture = small_detector(width=16)
    task = Task(input_shape=(3, 128, 160), classes=4)
    measured = peak_bytes_per_image(build(architecture, task, seed=0), task.input_shape, 4)
    assert 0.85 < peak_memory_bytes(architecture, task) / measured < 1.15


class Scaled(torch.nn.Module):
    """The mean of each channel, scaled and put through sigmoids one after the other."""

    def __init__(self, sigmoids: int) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))
        self.sigmoids = sigmoids

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x * self.scale
        for _ in range(self.sigmoids):
            x = torch.sigmoid(x)
        return x.mean((2, 3))


@pytest.mark.parametrize("sigmoids", [1, 2])
def test_a_measured_peak_by_hand(sigmoids: int) -> None:
    # It comes in the last sigmoid's backward pass: the images, each sigmoid's output, and the
    # gradients of the last one's output and input.
    maps = 1 + sigmoids + 2
    measured = peak_bytes_per_image(Scaled(sigmoids), (4, 48, 64), 4)
    assert measured == pytest.approx(4 * 4 * 48 * 64 * maps, rel=0.01)


def test_a_networks_memory_grows_with_its_images() -> None:
    small, large = (
        peak_memory_bytes(network("resnet50"), Task(input_shape=(3, side, side), classes=10))
        for side in (64, 128)
    )
    assert large == pytest.approx(4 * small, rel=0.01)


def test_counting_leaves_the_weights_alone() -> None:
    model = torch.nn.Linear(4, 3)
    before = model.weight.clone()
    assert saved_bytes(model, (2, 5, 4)) == 2 * 5 * 3 * 4
    assert torch.equal(model.weight, before)
