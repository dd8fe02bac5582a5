"""``policy:`` of a problem file: what findings cost. It never changes a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from symbackprop.reading import fields, keys
from symbackprop.reading.yaml_tree import Value


@dataclass(frozen=True, slots=True)
class Policy:
    """What findings cost.

    layout  strict: another layout costs; consistent: only where a work mixes them; any: never.
    form    matrices or entries: an answer in the other form is flagged; any: never.
    deduct  points by cause, taken once per cause and derivation.
    """

    layout: str = "consistent"
    form: str = "any"
    deduct: Mapping[str, float] = field(default_factory=dict)
    given: bool = False


def read_policy(value: Value) -> Policy:
    """The policy of a file; an unknown key or value is an error at its place."""
    body = fields.table(value, "policy")
    fields.check_keys(body, (*keys.POLICY, "deduct"), "policy")
    chosen: dict[str, str] = {}
    deduct: dict[str, float] = {}
    for key, entry in body.entries:
        if key.text in keys.POLICY:
            chosen[key.text] = fields.choice(entry, f"policy {key.text}", keys.POLICY[key.text])
            continue
        prices = fields.table(entry, "deduct")
        fields.check_keys(prices, keys.CAUSES, "deduct", what="cause")
        for cause, cost in prices.entries:
            price = fields.number(cost, f"what {cause.text} costs")
            if price < 0:
                raise fields.schema_error(f"what {cause.text} costs must not be negative", cost)
            deduct[cause.text] = float(price)
    return Policy(chosen.get("layout", "consistent"), chosen.get("form", "any"), deduct, given=True)
