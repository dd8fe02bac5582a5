r"""Letters that touch and spell a word, such as ``softmax`` or ``net_o``, as one factor."""

from __future__ import annotations

from symbackprop.reading.works.choices import Refused
from symbackprop.reading.works.derivatives import Items
from symbackprop.reading.works.functions import FunctionReader
from symbackprop.reading.works.spelling import spell
from symbackprop.reading.works.tree import (
    Braces,
    Group,
    Node,
    Note,
    Num,
    Product,
    Scripts,
    Sym,
    Word,
    bare,
)


class WordReader(FunctionReader):
    """The factors of a product as a flat list."""

    def flat(self, node: Product) -> Items:
        """The factors, with unseen braces round products opened and letters of one word joined."""
        items: list[tuple[str, Node | None]] = []
        for op, item in node.items:
            if item is None:
                raise Refused("a factor is missing", node.stop)
            inner = bare(item)
            if isinstance(inner, Note) or (inner is None and not op) or is_remark(inner):
                continue  # a break, an empty pair of braces
            if inner is None:
                raise Refused("a factor is missing", item.start)
            if isinstance(item, Braces) and isinstance(inner, Product) and not any(o for o, _ in inner.items):
                nested = self.flat(inner)
                items.append((op, nested[0][1]))
                items.extend(nested[1:])
            else:
                items.append((op, inner))
        if not items:
            raise Refused("nothing stands here", node.start)
        return tuple(self.words(items))

    def words(self, items: list[tuple[str, Node | None]]) -> list[tuple[str, Node | None]]:
        """Letters that touch and spell a known word as one ``Word``: ``softmax``, ``net_o``."""
        found: list[tuple[str, Node | None]] = []
        position = 0
        while position < len(items):
            run = self.run(items, position)
            if run is None:
                found.append(items[position])
                position += 1
            else:
                found.append((items[position][0], run[0]))
                position = run[1]
        return found

    def run(self, items: list[tuple[str, Node | None]], position: int) -> tuple[Node, int] | None:
        text, end, best, unknown, strange = "", position, None, True, False
        previous: Node | None = None
        while end < len(items) and len(text) < 24:
            op, item = items[end]
            if (op and end > position) or (
                previous is not None and item is not None and previous.stop != item.start
            ):
                break
            base = item.base if isinstance(item, Scripts) else item
            if isinstance(base, Sym) and len(base.name) == 1:
                text += base.name
            elif isinstance(base, Num) and base.text.isdigit() and text:
                text += base.text
            else:
                break
            end += 1
            if len(text) > 1 and item is not None and self.is_word(text, items, end, item):
                best = (text, end, item)
            named = bool(self.vocabulary.lookup(base))
            unknown, strange = unknown and not named, strange or not (named or self.is_place_letter(base))
            if strange and len(text) > 2 and text.isalpha() and text.islower() and item is not None:
                best = (text, end, item)  # net, target: a word, for one of its letters means nothing
            if text.isupper() and len(text) > 1 and unknown and item is not None:
                best = (text, end, item)  # CE, MSE: no product of unknown letters
            if isinstance(item, Scripts):
                break
            previous = item
        if best is None:
            return None
        text, end, last = best
        first = items[position][1]
        assert first is not None
        word: Node = Word(first.start, last.stop, r"\mathrm", text)
        if isinstance(last, Scripts):
            word = Scripts(first.start, last.stop, word, last.scripts)
        return word, end

    def is_place_letter(self, node: Node) -> bool:
        """Whether a letter is an index."""
        return spell(node).strip() in (*self.bound, *self.context.letters)

    def is_word(self, text: str, items: list[tuple[str, Node | None]], end: int, last: Node) -> bool:
        """Whether these letters are one name: declared, or a function before its argument."""
        if text in self.vocabulary.words:
            return True
        following = items[end][1] if end < len(items) and not items[end][0] else None
        called = isinstance(following, Group) or isinstance(last, Scripts)
        probe = Word(0, 0, r"\mathrm", text)
        letters = all(self.vocabulary.lookup(Sym(0, 0, letter)) for letter in text)
        return (len(text) > 2 or not letters) and called and self.vocabulary.function(probe) is not None


def is_remark(node: Node | None) -> bool:
    """A label, a colour, a number of an equation."""
    return isinstance(node, Word) and node.kind == "remark"
