from __future__ import annotations

from collections.abc import Callable

import torch

from foveate.models.patch_classes import PatchClasses

SIZE = (8, 8)
LEFT, TOP_LEFT, WHOLE = (0.0, -0.5, 1.0, 0.5), (-0.5, -0.5, 0.5, 0.5), (0.0, 0.0, 1.0, 1.0)


def echo(num_outputs: int = 2) -> PatchClasses:
    """A head that says its tokens."""
    head = PatchClasses(token_dim=num_outputs, num_outputs=num_outputs, hidden=4)
    head.says = torch.nn.Identity()  # type: ignore[assignment]
    return head


def painted(tokens: list[list[float]], viewpoints: list[tuple[float, ...]], closeness: list[float]) -> torch.Tensor:
    return echo()(torch.tensor([tokens]), torch.tensor([viewpoints]), torch.tensor([closeness]), SIZE)[0]


def test_a_patch_paints_what_it_says_where_it_lies_and_nothing_elsewhere() -> None:
    logits = painted([[3.0, -1.0]], [TOP_LEFT], [1.0])
    torch.testing.assert_close(logits[0, :4, :4], torch.full((4, 4), 3.0))
    torch.testing.assert_close(logits[1, :4, :4], torch.full((4, 4), -1.0))
    assert not logits[:, 4:].any()
    assert not logits[:, :, 4:].any()


def test_the_closer_of_two_counts_by_the_square() -> None:
    logits = painted([[1.0, 0.0], [0.0, 1.0]], [WHOLE, LEFT], [0.25, 1.0])
    share = 0.25**2 / (1 + 0.25**2)
    torch.testing.assert_close(logits[0, :, :4], torch.full((8, 4), share))
    torch.testing.assert_close(logits[1, :, :4], torch.full((8, 4), 1 - share))
    torch.testing.assert_close(logits[0, :, 4:], torch.ones(8, 4))


def test_an_empty_slot_says_nothing() -> None:
    both = painted([[1.0, 0.0], [9.0, 9.0]], [TOP_LEFT, (0.0, 0.0, 0.0, 0.0)], [1.0, 0.0])
    torch.testing.assert_close(both, painted([[1.0, 0.0]], [TOP_LEFT], [1.0]))


def test_macs_equal_the_counter(counted_macs: Callable[..., int]) -> None:
    head = PatchClasses(token_dim=6, num_outputs=3, hidden=5)
    inputs = (torch.zeros(1, 4, 6), torch.tensor([[WHOLE, LEFT, TOP_LEFT, LEFT]]), torch.ones(1, 4))
    element_products = 4 * 3 * SIZE[0]  # the counter knows sums of products only
    assert head.macs(4, SIZE) - element_products == counted_macs(head, *inputs, SIZE)
