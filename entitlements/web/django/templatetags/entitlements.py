"""The template tag: `{% feature "exports" %}`, with branches for no and for cannot tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.template import Library, Node, NodeList, TemplateSyntaxError

from entitlements.bound import bound_view
from entitlements.customer import View
from entitlements.errors import NotConfigured
from entitlements.pinned import Pinned
from entitlements.requirement import Requirement
from entitlements.stripe.ids import feature_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.template.base import FilterExpression, Parser, Token
    from django.template.context import Context

__all__ = ["FeatureNode", "feature", "register"]

register: Final = Library()

_HELD: Final = "feature"
_LACKING: Final = "otherwise"
_UNKNOWN: Final = "unavailable"
_END: Final = "endfeature"


@register.tag(_HELD)
def feature(parser: Parser, token: Token) -> FeatureNode:
    """Show one of three things: for who has a feature, for who lacks it, and for whom it can't be told.

        {% load entitlements %}
        {% feature "exports" %}
          <a href="/export">Export</a>
        {% otherwise %}
          <a href="/pricing?feature=exports">Get exports</a>
        {% unavailable %}
          We could not confirm your plan just now.
        {% endfeature %}

    Either of the last two may be left out, and shows nothing then: cannot tell is never an invitation to buy. Several
    keys are all needed, `{% feature "exports" and "sso" %}`; or one of them is enough, `{% feature "team" or "pro" %}`.
    A key may be a variable. It asks the template's `entitlements`, or else what the middleware has bound.

    >>> from django.template import Context, Engine
    >>> engine = Engine(libraries={"entitlements": __name__})
    >>> page = engine.from_string('{% load entitlements %}{% feature "exports" %}yes{% otherwise %}no{% endfeature %}')
    >>> page.render(Context({"entitlements": Pinned({"exports"})}))
    'yes'
    """
    keys, any_of = _keys(parser, token)
    branches = {_HELD: NodeList(), _LACKING: NodeList(), _UNKNOWN: NodeList()}
    branch, left = _HELD, [_LACKING, _UNKNOWN, _END]
    while branch != _END:
        branches[branch] = parser.parse(left)
        branch = parser.next_token().contents
        left = [name for name in left if name != branch]
    return FeatureNode(keys, branches[_HELD], branches[_LACKING], branches[_UNKNOWN], any_of=any_of)


class FeatureNode(Node):
    """The tag, parsed."""

    child_nodelists = ("held", "lacking", "unknown")

    def __init__(
        self, keys: Sequence[FilterExpression], held: NodeList, lacking: NodeList, unknown: NodeList, *, any_of: bool
    ) -> None:
        self.keys = keys
        self.held = held
        self.lacking = lacking
        self.unknown = unknown
        self.any_of = any_of

    def render(self, context: Context) -> str:
        """Render the branch that the answer calls for."""
        need = Requirement(tuple(feature_key(key.resolve(context)) for key in self.keys), any_of=self.any_of)
        pin = _pin(context)
        if need.met_by(pin):
            return self.held.render(context)
        return (self.unknown if pin.unavailable else self.lacking).render(context)


def _keys(parser: Parser, token: Token) -> tuple[list[FilterExpression], bool]:
    tag, *words = token.split_contents()
    joints = {"and", "or"}.intersection(words)
    keys = words[::2] if joints else words
    if not keys or len(joints) > 1 or (joints and (words[1::2] != [*joints] * (len(keys) - 1) or joints & {*keys})):
        raise TemplateSyntaxError(
            f'{{% {" ".join([tag, *words])} %}} can\'t be read: write {{% feature "exports" %}}, '
            '{% feature "exports" and "sso" %} for both, or {% feature "team" or "pro" %} for one of them'
        )
    return [parser.compile_filter(key) for key in keys], "or" in joints


def _pin(context: Context) -> Pinned:
    asked = context.get("entitlements")
    if isinstance(asked, Pinned):
        return asked
    view = asked if isinstance(asked, View) else bound_view()
    if view is None:
        raise NotConfigured(
            "nothing says whose features {% feature %} asks for: render the template within EntitlementsMiddleware, or "
            'give it {"entitlements": ents.for_customer(...)}'
        )
    return view.pinned()
