"""The committed gas table, against a real node under osaka's rules.

the table
├── when measured now: it should be what is committed, to one gas
├── when measured in another order: the same
└── it should keep within the targets
a figure that cannot be measured
└── it should say why, in the contract's own words
the committed RSA key
└── its signatures should be good, and the same each time
"""

import pytest

from afterproof.protocol.receipt import Domain
from afterproof.protocol.signing import verify
from benchmarks import gas, gas_figures
from benchmarks.fixed_rsa import FixedRsaSigner
from benchmarks.gas_chain import GasError
from benchmarks.gas_stage import Stage
from tests.support.scene import receipt_of

#: What one transaction or view may cost. Names that begin as one of these share its limit; the first that fits counts.
LIMITS = {
    # Whatever the precompile does not affirm is decided in Solidity: 350,000 of it.
    "fault_bad_signature_p256": 500_000,
    "fault_bad_signature_rsa2048": 165_000,
    "fault_": 125_000,
    "promise_": 125_000,
    "heartbeat": 40_000,
    "is_final_1024_nitro": 40_000,
    "is_final_1024": 18_000,
    "verify_p256": 15_000,
    # One transaction each; the targets are 21,000,000 and 9,500,000.
    "nitro_cold_total": 7_500_000,
    "nitro_warm_total": 3_500_000,
    "nitro_prove_document": 3_400_000,
    "nitro_prove_certificate": 1_400_000,
    "p384_verify_transaction": 1_000_000,
    "p384_verify": 750_000,
    "post_102400": 560_000,
    "post_1024": 95_000,
    "answer_tile_256_rsa2048": 5_000_000,
    "sha384_4469_bytes": 975_000,
    "": 2**24,
}


def committed() -> dict[str, int]:
    lines = gas.TABLE.read_text().splitlines()
    return {name: int(figure) for name, figure in (line.split(" ") for line in lines)}


def test_table_measuredNow_isWhatIsCommitted() -> None:
    measured = gas.measure()
    assert measured == committed(), "run `make gas`, look at what changed, and commit the table"
    assert gas.table(measured) == gas.TABLE.read_text()


def test_table_measuredInAnotherOrder_isTheSame(monkeypatch: pytest.MonkeyPatch) -> None:
    backwards = dict(reversed(gas_figures.FIGURES.items()))
    monkeypatch.setattr(gas, "FIGURES", backwards)
    assert gas.measure() == committed()


def test_table_committed_keepsWithinTheTargets() -> None:
    limits = {
        name: next(most for start, most in LIMITS.items() if name.startswith(start)) for name in committed()
    }
    assert {name: (gas, limits[name]) for name, gas in committed().items() if gas > limits[name]} == {}


def test_figure_thatReverts_saysWhy(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_many(stage: Stage) -> int:
        return stage.post_roots(stage.lane, 200_000)

    monkeypatch.setattr(gas, "FIGURES", {"too_many": too_many})
    with pytest.raises(GasError, match=r"too_many cannot be measured: post: .*InsufficientStake"):
        gas.measure()


def test_fixedRsaSigner_signs_wellAndTheSame() -> None:
    signer, domain = FixedRsaSigner(), Domain(1, bytes(20))
    signed = signer.sign(receipt_of(signer, 1_800_000_000), domain)
    assert verify(signed, domain)
    assert FixedRsaSigner().sign(signed.receipt, domain) == signed
