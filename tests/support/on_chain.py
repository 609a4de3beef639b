"""The command line on a world's chain, as one of its accounts."""

from afterproof.cli.session import Session
from tests.support.cli import Ran, run
from tests.support.world import World


class OnChain(Session):
    """A session on the world's chain, as one of its accounts."""

    def __init__(self, world: World, account: bytes) -> None:
        super().__init__()
        view = world.chain.account_view(account)
        self.__dict__.update(reader=view, sender=view, deployment=world.chain.deployment)
        self.config_path = world.folder / "settings.toml"
        self.config_path.write_text("")


def on(world: World, account: bytes, *arguments: str, stdin: str = "") -> Ran:
    """Run a command as an account."""
    return run(*arguments, session=OnChain(world, account), stdin=stdin)


def refused(ran: Ran) -> str:
    """The sentence of a run that was refused."""
    assert (ran.status, ran.out) == (1, ""), ran
    assert ran.err.startswith("error: ") and ran.err.count("\n") == 1
    return ran.err
