"""Average pools over every sum there is: each window size of its own code, each lane of a word."""

from __future__ import annotations

import numpy as np
import pytest
from tinydeploy.abi import limits
from tinydeploy.abi import params as declared
from tinydeploy.graph.ir import Array
from tinydeploy.kernel_lab.cases import Case, params_of
from tinydeploy.kernel_lab.harness import CortexM4, Host
from tinydeploy.kernel_lab.layers import rounded_mean
from tinydeploy.lower.packing import elementwise

Machine = Host | CortexM4
MOST = limits.POOL_PIXELS.most


def every_sum(count: int) -> Array:
    """int8 [count, sums]: pixels with each sum, one a channel."""
    sums = np.arange(-128 * count, 127 * count + 1)
    whole, more = np.divmod(sums, count)
    return np.asarray(whole + (np.arange(count)[:, None] < more), np.int8)


def pooled(pixels: Array, kernel: tuple[int, int]) -> Case:
    """One window of `kernel` over all of `pixels` [count, channels]."""
    channels = pixels.shape[1]
    params = elementwise.pool_params((*kernel, channels), (1, 1), kernel, (1, 1), (0, 0))
    numbers = params_of(declared.POOL8, params)
    return Case("td_average_pool", numbers, pixels, rounded_mean(pixels.astype(np.int64)))


def check(machine: Machine, pixels: Array, kernel: tuple[int, int], most: int = 1 << 15) -> None:
    for first in range(0, pixels.shape[1], most):
        pooled(np.ascontiguousarray(pixels[:, first : first + most]), kernel).check(machine)


@pytest.mark.parametrize("count", [*range(2, 18), 25, 49, 64, 125, 255])
def test_every_sum_of_so_many_pixels(count: int, host: Host) -> None:
    check(host, every_sum(count), (1, count))


def test_every_sum_of_the_most_pixels(host: Host) -> None:
    check(host, every_sum(MOST), (MOST // 16, 16))


@pytest.mark.parametrize("kernel", [(1, 2), (2, 1), (1, 4), (4, 1), (2, 2), (3, 1), (3, 3), (2, 7)])
def test_every_sum_on_the_simulated_core(kernel: tuple[int, int], cortex_m4: CortexM4) -> None:
    pixels = every_sum(kernel[0] * kernel[1])
    for lane in range(4):
        check(cortex_m4, np.roll(pixels, lane, axis=1), kernel, 2000)


def test_every_pair_of_bytes(host: Host, cortex_m4: CortexM4) -> None:
    """Means of two are no matter of their sum alone: the carry is that of both."""
    pairs = np.stack([side.ravel() for side in np.mgrid[-128:128, -128:128]]).astype(np.int8)
    for machine in (host, cortex_m4):
        check(machine, pairs, (2, 1))


@pytest.mark.parametrize("kernel", [(2, 1), (2, 2), (3, 2), (1, 6)])
@pytest.mark.parametrize("channels", [1, 2, 3, 5, 7, 9])
def test_channels_that_fill_no_word(
    kernel: tuple[int, int], channels: int, host: Host, cortex_m4: CortexM4
) -> None:
    shape = (kernel[0] * kernel[1], channels)
    pixels = np.random.default_rng(channels).integers(-128, 128, shape, dtype=np.int8)
    for machine in (host, cortex_m4):
        check(machine, pixels, kernel)
