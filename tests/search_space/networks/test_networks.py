"""Networks: equal for one seed, of the right shape, trainable in every parameter."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from search_space.architecture import Architecture, Stage, Task
from search_space.networks import build
from search_space.networks.resnet import ResidualBlock
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolution,
    Convolution,
    ConvolutionStem,
    LocalAttention,
)
from search_space.space import SearchSpace
from search_space.zoo import network as named
from tests.search_space.comparison import generator
from tests.search_space.strategies import BASIC, DIGITS, MOBILE, WIDE, architectures, examples

pytestmark = pytest.mark.many_cases

AUGMENTED = AugmentedConvolution(
    kernel=3, key_depth=8, value_depth=4, heads=2, position="relative", downsample=False
)
STEM = ConvolutionStem(width=8, kernel=3, stride=1, pool=False)
DIGITS_TASK = Task(dataset="digits", input_shape=(1, 8, 8), classes=10)


def network(*blocks: Any, **fields: Any) -> Architecture:
    given_fields = {"stem": STEM, "block": "bottleneck", "expansion": 2} | fields
    return Architecture(stages=(Stage(width=8, stride=2, blocks=blocks),), **given_fields)


def images(task: Task, batch: int = 4) -> torch.Tensor:
    return torch.randn(batch, *task.input_shape, generator=generator())


spaces = pytest.mark.parametrize("space", [DIGITS, MOBILE, WIDE], ids=lambda space: space.name)


@spaces
def test_build_is_deterministic_and_leaves_the_generator_alone(space: SearchSpace) -> None:
    @examples(15)
    @given(architecture=architectures(space), seed=st.integers(0, 1000))
    def check(architecture: Architecture, seed: int) -> None:
        before = torch.get_rng_state()
        first = build(architecture, DIGITS_TASK, seed=seed).state_dict()
        assert torch.equal(torch.get_rng_state(), before)
        torch.rand(3)  # another state of the global generator
        try:
            second = build(architecture, DIGITS_TASK, seed=seed).state_dict()
            other = build(architecture, DIGITS_TASK, seed=seed + 1).state_dict()
        finally:
            torch.set_rng_state(before)
        assert first.keys() == second.keys() == other.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)
        assert all(value.isfinite().all() for value in first.values())
        for name in ("classifier.linear.weight", next(iter(first))):
            assert not torch.equal(first[name], other[name])

    check()


def test_a_failed_build_leaves_the_generator_alone() -> None:
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="block=4"):
        build(
            network(Convolution(), stem=AttentionStem(width=8)),
            DIGITS_TASK.replace(input_shape=(1, 8, 10)),
            seed=3,
        )
    assert torch.equal(torch.get_rng_state(), before)


def assert_every_parameter_learns(architecture: Architecture, task: Task) -> nn.Module:
    model = build(architecture, task, seed=1)
    assert model.training
    logits = model(images(task))
    assert logits.shape == (4, task.classes)
    assert logits.dtype == torch.float32
    loss = nn.functional.cross_entropy(logits, torch.arange(4) % task.classes)
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.shape == parameter.shape
        assert parameter.grad.isfinite().all(), name
    # Each part as a whole is reached: the stem's first layer and the classifier.
    for part in (model.stem, model.classifier):
        assert isinstance(part, nn.Module)
        assert any(bool(p.grad.any()) for p in part.parameters() if p.grad is not None)
    return model


@pytest.mark.parametrize(
    ("space", "shape"),
    [(DIGITS, (1, 8, 8)), (BASIC, (2, 12, 8)), (MOBILE, (2, 12, 8)), (WIDE, (3, 10, 6))],
    ids=lambda value: value.name if isinstance(value, SearchSpace) else None,
)
def test_architectures_learn(space: SearchSpace, shape: tuple[int, int, int]) -> None:
    @examples(20)
    @given(architecture=architectures(space))
    def check(architecture: Architecture) -> None:
        model = assert_every_parameter_learns(architecture, Task(input_shape=shape, classes=5))
        gates = tuple(
            name
            for name, part in model.named_modules()
            if type(part).__module__.startswith("search_space.primitives.channel_attention")
        )
        for name, parameter in model.named_parameters():
            # A gate this narrow may have no open ReLU; a window of one pixel has no distances; a
            # bias may be normalised away.
            if not name.startswith(gates) and not name.endswith(("embedding", "bias")):
                assert parameter.grad is not None
                assert parameter.grad.any(), name

    check()


@spaces
def test_odd_images_where_the_stem_allows_them(space: SearchSpace) -> None:
    @examples(15)
    @given(
        architecture=architectures(space),
        hw=st.sampled_from([(7, 9), (5, 5), (3, 8), (1, 6), (9, 2)]),
    )
    def check(architecture: Architecture, hw: tuple[int, int]) -> None:
        task = Task(input_shape=(3, *hw), classes=4)
        if isinstance(architecture.stem, AttentionStem) and any(side % 2 for side in hw):
            with pytest.raises(ValueError, match=f"block=2, image {hw[0]}x{hw[1]}"):
                build(architecture, task, seed=0)
            architecture = architecture.replace(stem=STEM)
        assert_every_parameter_learns(architecture, task)

    check()


@pytest.mark.parametrize("hw", [(4, 8), (8, 4), (6, 6), (7, 8)])
def test_relative_positions_belong_to_one_map_size(hw: tuple[int, int]) -> None:
    model = build(network(AUGMENTED), DIGITS_TASK, seed=0)
    got = "x".join(str(-(-side // 2)) for side in hw)
    if got == "4x4":  # 7x8 halves to the same map
        model(torch.zeros(2, 1, *hw))
        return
    with pytest.raises(ValueError, match=f"made for an attention map of 4x4, got {got}"):
        model(torch.zeros(2, 1, *hw))


@pytest.mark.parametrize(
    "primitive", [Convolution(), LocalAttention(heads=2), AUGMENTED.replace(position="none")]
)
def test_other_primitives_take_any_map_size(primitive: Any) -> None:
    model = build(network(primitive), DIGITS_TASK, seed=0)
    assert model(torch.zeros(2, 1, 13, 6)).shape == (2, 10)


def test_a_stem_block_that_does_not_divide_the_image() -> None:
    architecture = network(Convolution(), stem=AttentionStem(width=8, block=4))
    assert build(architecture, DIGITS_TASK, seed=0)(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    task = DIGITS_TASK.replace(input_shape=(1, 28, 30))
    with pytest.raises(ValueError, match="must divide the image, got block=4, image 28x30"):
        build(architecture, task, seed=0)


@pytest.mark.parametrize("fields", [{}, {"block": "basic", "expansion": 1}])
def test_layers_of_a_block(fields: dict[str, Any]) -> None:
    model = build(network(Convolution(kernel=5), Convolution(), **fields), DIGITS_TASK, seed=0)
    blocks = [module for module in model.modules() if isinstance(module, ResidualBlock)]
    kernels = [
        [(c.kernel_size[0], c.stride[0]) for c in block.branch if isinstance(c, nn.Conv2d)]
        for block in blocks
    ]
    shortcuts = [
        [
            (c.kernel_size[0], c.stride[0])
            for c in block.shortcut.modules()
            if isinstance(c, nn.Conv2d)
        ]
        for block in blocks
    ]
    # The stride is on the spatial operator, and on the shortcut where the shape changes.
    if fields:
        assert kernels == [[(5, 2), (3, 1)], [(3, 1), (3, 1)]]
    else:
        assert kernels == [[(1, 1), (5, 2), (1, 1)], [(1, 1), (3, 1), (1, 1)]]
    assert shortcuts == [[(1, 2)], []]


def test_a_block_is_the_rectified_sum_of_branch_and_shortcut() -> None:
    model = build(network(LocalAttention(extent=3, heads=2)), DIGITS_TASK, seed=0).eval()
    (block,) = (module for module in model.modules() if isinstance(module, ResidualBlock))
    x = torch.randn(2, 8, 8, 8, generator=generator())
    with torch.no_grad():
        torch.testing.assert_close(block(x), (block.branch(x) + block.shortcut(x)).clamp(min=0))


def test_evaluation_treats_each_image_by_itself() -> None:
    blocks = (AUGMENTED, LocalAttention(extent=3, heads=2), Convolution())
    architecture = network(*blocks, stem=AttentionStem(width=8, block=2))
    model = build(architecture, DIGITS_TASK, seed=0).eval()
    batch = images(DIGITS_TASK)
    with torch.no_grad():
        whole = model(batch)
        apart = torch.cat([model(batch[index : index + 1]) for index in range(4)])
    torch.testing.assert_close(whole, apart, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(whole[0], whole[1])


def test_weights_can_be_saved_and_read(tmp_path: Any) -> None:
    architecture = network(AUGMENTED, LocalAttention(extent=3, heads=2))
    model = build(architecture, DIGITS_TASK, seed=0).eval()
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    other = build(architecture, DIGITS_TASK, seed=1).eval()
    assert not torch.equal(other(images(DIGITS_TASK)), model(images(DIGITS_TASK)))
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(other(images(DIGITS_TASK)), model(images(DIGITS_TASK)))


@pytest.mark.parametrize("name", ["resnet26", "mnasnet_100", "wide_resnet28_10@0.1"])
def test_no_weight_has_two_names(name: str) -> None:
    """A file of weights may hold each tensor once only (safetensors)."""
    state = build(named(name), DIGITS_TASK, seed=0).state_dict()
    places = [value.data_ptr() for value in state.values()]
    assert len(set(places)) == len(places)
