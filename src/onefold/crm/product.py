"""Products: what is sold, with a price in one currency."""

from collections.abc import Mapping
from typing import Any

from onefold.crm import fields
from onefold.crm.model import Product
from onefold.crm.records import Change, Kind, Records
from onefold.kernel import errors, limits
from onefold.storage import Connection, fold_name

BILLINGS = ("once", "monthly", "yearly")
KIND = Kind(
    noun="product",
    prefix="prd",
    fields=(
        fields.Field("name", required=True),
        fields.Field("code"),
        fields.Field("description", "text", limits.record_text_chars_max),
        fields.Field("family"),
        fields.Field("price", "money"),
        fields.Field("currency", chars_max=3),
        fields.Field("billing", "enum", options=BILLINGS),
        fields.Field("active", "flag"),
    ),
    filters=(),
    told=("name", "code"),
    sort="name",
    plural="products",
    unique=("code",),
    columns=("code", "family", "price", "billing", "active", "updated_at"),
    archives=True,
)


# ruff: noqa: ARG002 - a rule of all objects takes more than this one needs
class Products(Records[Product]):
    """Commands on products. They leave no facts: nobody's timeline is theirs."""

    def _derived(self, change: Change) -> dict[str, Any]:
        return {"name_sort": fold_name(change.after["name"])}

    def _taken(self, conn: Connection, columns: Mapping[str, Any]) -> errors.Conflict:
        return errors.Conflict(
            f"There is a product with the code `{columns.get('code', '')}` already. Edit that one."
        )


products = Products(KIND, Product)
