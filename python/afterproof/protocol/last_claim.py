"""Until when somebody may claim something of a batch."""

from collections.abc import Sequence

from .terms import Terms


def last_claim(posted_end: int, terms: Sequence[Terms]) -> int:
    """A time after which nobody can claim anything of a batch; ``posted_end``: when its last tile or promise ended.

    Rather late than exact: by the longest times of all epochs since the post, as if each began when the last ended.
    A promise is claimed within the claim window, which pauses put off; a receipt of this batch proves that a later one
    is a duplicate for as long as that one could be posted, and disputed.
    """

    def longest(name: str) -> int:
        return max(int(getattr(one, name)) for one in terms)

    claim = longest("claim_window") + longest("max_pause") + longest("catch_up")
    duplicate = longest("max_posting_delay") + longest("max_clock_skew") + longest("answer_period")
    return posted_end + max(claim, duplicate + 2 * longest("window"))
