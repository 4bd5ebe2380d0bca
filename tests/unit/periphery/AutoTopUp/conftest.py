"""A short vault at the edge of its margin, and its owner's wallet."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boa
import pytest

from tests.contracts import deployer
from tests.evm import Env
from tests.unit.periphery.AutoTopUp.scene import Scene
from tests.worlds.system import System


@pytest.fixture(scope="module")
def made() -> Iterator[Scene]:
    """One scene per module, in an environment of its own."""
    with boa.swap_env(Env()):
        yield Scene(System())


@pytest.fixture
def scene(made: Scene) -> Iterator[Scene]:
    """The scene as it was made: what a test does is undone after it."""
    with boa.env.anchor():
        yield made


@pytest.fixture
def new_scene() -> Iterator[Callable[..., Scene]]:
    """A function that makes scenes with a token of other decimals, one that misbehaves, or a fallback feed."""

    def make(decimals: int, hostile: bool = False, second_feed: bool = False) -> Scene:
        token = deployer("HostileERC20").deploy(decimals) if hostile else None
        return Scene(System(decimals, token=token, second_feed=second_feed))

    with boa.swap_env(Env()):
        yield make
