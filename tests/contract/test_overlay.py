"""The overlay says what differs from openapi.yml, and no more."""

import pytest
from contract import CONTRACT, DOCUMENT, Contract, exchanges
from openapi_core import OpenAPI
from overlay import OVERLAY, Deviation, overlaid


@pytest.mark.parametrize("deviation", OVERLAY, ids=str)
def test_without_this_deviation_some_exchange_breaks_the_contract(deviation: Deviation):
    without = Contract(other for other in OVERLAY if other is not deviation)
    concerned = (e for e in exchanges().values() if without.terms(e) != CONTRACT.terms(e))
    assert any(without.objection(exchange) for exchange in concerned)


def test_the_document_with_all_deviations_is_a_valid_one():
    OpenAPI.from_dict(CONTRACT.document)


def test_every_deviation_has_its_own_place_and_a_reason():
    assert len({str(deviation) for deviation in OVERLAY}) == len(OVERLAY)
    assert all(deviation.reason for deviation in OVERLAY)


def test_the_document_itself_stays_as_it_is():
    before = repr(DOCUMENT)
    assert overlaid(DOCUMENT, OVERLAY) != DOCUMENT
    assert repr(DOCUMENT) == before
