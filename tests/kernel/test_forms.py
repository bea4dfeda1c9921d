"""Normal forms of identifier values by the named libraries."""

import pytest

from onefold.kernel import forms


@pytest.mark.parametrize(
    ("form", "value", "region", "normal"),
    [
        ("text", "  Ann\u0065\u0301 ", "", "Ann\u00e9"),
        ("text", "   ", "", None),
        ("lower", "AB-1", "", "ab-1"),
        ("email", " Ann.Lee@ACME.co ", "", "ann.lee@acme.co"),
        ("email", "ünï@Exämple.com", "", "ünï@exämple.com"),
        ("email", "ann@test", "", "ann@test"),
        ("email", "ann lee@acme.co", "", None),
        ("email", "ann@acme..co", "", None),
        ("email", "nobody@", "", None),
        ("phone", "+1 (415) 555-2671", "", "+14155552671"),
        ("phone", "(415) 555-2671", "US", "+14155552671"),
        ("phone", "0660 1234567", "AT", "+436601234567"),
        ("phone", "415 555 2671", "", "4155552671"),
        ("phone", "0000000", "", None),
        ("phone", "12", "", None),
        ("domain", "https://www.Acme.co.uk/about?x", "", "acme.co.uk"),
        ("domain", "ann@shop.acme.de", "", "acme.de"),
        ("domain", "co.uk", "", None),
        ("domain", "localhost", "", None),
        ("company", "ACME Holdings GmbH", "", "acme holdings"),
        ("company", "Acme, Inc.", "", "acme"),
    ],
)
def test_spellings_of_one_thing_become_one(
    form: str, value: str, region: str, normal: str | None
) -> None:
    assert forms.FORMS[form](value, region) == normal
    if normal is not None:
        assert forms.FORMS[form](normal, region) == normal


def test_regions_are_countries_of_telephone_numbers() -> None:
    assert forms.is_region("US")
    assert not forms.is_region("XX")
