"""Questions with parts, in words, at several levels, in given letters; what is inherited; the key's pages."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from symbackprop.documents.pdf import compile_pdf
from symbackprop.errors import InputError
from symbackprop.pipeline import Problem, load, loads
from symbackprop.problem_file import loads_spec
from symbackprop.reports import Answer, Told

NET = r"""title: Net
convention: row
symbols:
  X:   {shape: [N, D], role: input}
  W:   {shape: [D, M], role: parameter}
  V:   {shape: [M, K], role: parameter}
  Y:   {shape: [N, K], role: target}
  lam: {role: constant, latex: '\lambda'}
forward: |
  U = X W
  H = tanh(U)
  Z = H V
  P = softmax(Z)
  L = cross_entropy(Y, P)/N + lam/2 * sumsq(W)
assume: 'sum[k](Y[n,k]) = 1'
notation:
  - {name: delta, is: dL/dZ, latex: '\delta'}
  - {spelling: 'W_i', is: 'W[:,i]'}
  - {name: act, is: tanh}
  - {name: e1, is: 'N dL/dU', latex: 'dU'}
"""


def asking(*questions: str) -> Problem:
    """The net with questions in flow style."""
    return loads(NET + "questions:\n" + "".join(f"  - {question}\n" for question in questions))


def only(problem: Problem, question_id: str) -> Answer:
    """The only answer to a question."""
    found = problem.answer(question_id)
    assert isinstance(found, Answer)
    return found


# Parts


PARTS = (
    "{text: Layers., points: 5, parts: [{derive: dL/dV, points: 2}, {derive: dL/dW, points: 2.5},"
    " {ask: 'When is $\\delta$ zero?', answer: 'When $P = Y$.', points: 1/2}]}"
)


def test_parts_have_letters_and_answers_of_their_own() -> None:
    """q1.a, q1.b, q1.c; the question itself has none."""
    problem = asking(PARTS, "{derive: dL/dZ, parts: [{text: x, parts: [{ask: a}, {ask: b, id: own}]}]}")
    assert [answer.id for answer in problem.answers()] == ["q1.a", "q1.b", "q1.c", "q2", "q2.a.i", "own"]
    with pytest.raises(InputError, match=r"only parts: q1\.a, q1\.b, q1\.c"):
        problem.answer("q1")
    with pytest.raises(InputError, match="did you mean q1"):
        problem.answer("q1.d")


def test_points_of_parts() -> None:
    """Parts add up to the question that states none."""
    spec = asking("{text: a, parts: [{ask: b, points: 1/3}, {ask: c, points: 1.5}]}").spec
    assert spec.questions[0].worth == Fraction(11, 6)


def test_a_key_with_parts() -> None:
    """Labels, points, the total, paragraphs in small Roman numbers."""
    tex = asking(PARTS, "{derive: dL/dZ, points: 1}").render("key")
    for expected in (r"\textbf{1a}", r"\textbf{1c}", "2.5 points", "0.5 points", "6 points in all", r"(i)"):
        assert expected in tex


# Questions in words


def test_a_question_in_words_in_json() -> None:
    """What was not derived is null."""
    found = asking("{ask: 'Why *so*?', answer: 'Because $x$.', hint: Think., points: 1}").answer("q1")
    assert isinstance(found, Told)
    assert found.as_json() == {
        "id": "q1",
        "kind": "ask",
        "question": "Why *so*?",
        "level": None,
        "shape": None,
        "indices": None,
        "result": {"text": "Because $x$.", "latex": None, "expanded_text": None, "numpy": None},
        "cases": None,
        "numbers": None,
        "steps": [],
        "verdict": None,
        "evidence": None,
    }
    assert (found.verdict, found.steps, found.result.text) == (None, (), "Because $x$.")


def test_a_question_in_words_on_the_page() -> None:
    """The question, the hint, the answer."""
    tex = asking("{ask: 'Why *so* `dL/dW`?', answer: 'As $x$.', hint: 'Try **this**.'}").render("key")
    for expected in (r"\emph{so} $\partial L/\partial W$", r"\told{As $x$.}", r"\hint{Try \textbf{this}.}"):
        assert expected in tex


# Levels


def test_several_levels_give_an_answer_each() -> None:
    """With the same id, in the order asked for; the file's level where a question has none."""
    problem = asking("{derive: dL/dV, level: [index, vector]}", "{derive: dL/dV}")
    first = problem.answer("q1")
    assert isinstance(first, tuple)
    assert [answer.level for answer in first] == ["index", "vector"]
    assert [answer.id for answer in problem.answers()] == ["q1", "q1", "q2"]
    assert only(problem, "q2").level == "vector"
    tex = problem.render("key")
    assert tex.index("Entry by entry") < tex.index("In matrices")


def test_the_level_of_the_command_is_below_that_of_the_question() -> None:
    """And above that of the file."""
    spec = loads_spec(NET + "questions: [{derive: dL/dV}, {derive: dL/dV, level: vector}]")
    assert [answer.level for answer in Problem(spec, "index").answers()] == ["index", "vector"]


# The letters of an answer


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("{derive: dL/dV, in_terms_of: [H, delta]}", "H^T delta"),
        ("{derive: dL/dV, in_terms_of: [H, dL/dZ]}", "H^T delta"),
        ("{derive: dL/dV, in_terms_of: [H, P, Y]}", "H^T ((P - Y)/N)"),
        ("{derive: dL/dW, in_terms_of: [X, dL/dU, lam, W]}", "X^T dL/dU + lam W"),
        ("{derive: dL/dW, in_terms_of: [X, dL/dH, H, lam, W]}", "X^T (dL/dH * (1 - H^2)) + lam W"),
        ("{derive: dL/dZ, in_terms_of: [P, Y, N]}", "(P - Y)/N"),
        ("{derive: dL/dZ, in_terms_of: [Z, Y]}", "(softmax(Z) - Y)/N"),
        ("{derive: dL/dV, in_terms_of: [H, P, Y], level: index}", "sum[n](((P[n,q] - Y[n,q])/N) H[n,p])"),
    ],
)
def test_letters_are_obeyed(question: str, expected: str) -> None:
    """The result in the letters allowed, verified line by line; dims may always stand."""
    problem = asking(question)
    answer = only(problem, "q1")
    assert answer.result.text == expected
    assert answer.verdict.status == "holds"
    assert answer.steps[-1].after.text == expected


def test_the_same_values_in_other_letters() -> None:
    """Numbers of both spellings agree."""
    problem = asking("{derive: dL/dW}", "{derive: dL/dW, in_terms_of: [X, W, V, Y, lam]}")
    rng = np.random.default_rng(5)
    given = {name: rng.normal(size=size) for name, size in (("X", (4, 3)), ("W", (3, 5)), ("V", (5, 2)))}
    target = rng.random((4, 2))
    given |= {"Y": target / target.sum(axis=1, keepdims=True), "lam": np.array(0.7)}
    plain, restricted = (only(problem, name).derivation.numpy()(given) for name in ("q1", "q2"))
    np.testing.assert_allclose(plain, restricted, rtol=1e-12)


def test_a_letter_that_cannot_be_avoided() -> None:
    """It is named, at the place of the question."""
    problem = asking("{ask: a}", "{derive: dL/dW, in_terms_of: [X, P, Y, W]}")
    with pytest.raises(InputError, match="V and lam cannot be avoided") as caught:
        problem.answers()
    assert (caught.value.line, caught.value.column) == (23, 5)


# Names of derivatives


def test_a_name_of_a_derivative_is_printed_everywhere() -> None:
    """In text, LaTeX, steps and shapes; what it stands for is said once."""
    problem = asking("{derive: dL/dV}")
    data = only(problem, "q1").as_json()
    assert data["result"] == {
        "text": "H^T delta",
        "latex": r"H^{\top} \delta",
        "expanded_text": only(problem, "q1").result.expanded_text,
        "numpy": only(problem, "q1").result.numpy,
    }
    assert "dL/dZ" not in str(data["steps"])
    assert problem.render("key").count(r"\delta = \frac{\partial L}{\partial Z}") == 1


def test_other_notation_is_kept() -> None:
    """For the checker; nothing is printed under it."""
    spec = loads_spec(NET)
    assert [(entry.name, entry.spelling, entry.meaning) for entry in spec.notation] == [
        ("delta", None, "dL/dZ"),
        (None, "W_i", "W[:,i]"),
        ("act", None, "tanh"),
        ("e1", None, "N dL/dU"),
    ]
    assert list(spec.partials) == ["delta"]


# Styles


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("transpose: T", r"H^{T} \delta"),
        ("transpose: top", r"H^{\top} \delta"),
        ("bold: all", r"\mathbf{H}^{\top} \delta"),
    ],
)
def test_styles(style: str, expected: str) -> None:
    """A style changes how the result looks, not what it is."""
    problem = loads(f"{NET}style: {{{style}}}\nquestions: [{{derive: dL/dV}}]")
    assert only(problem, "q1").result.latex == expected
    assert only(problem, "q1").result.text == "H^T delta"


@pytest.mark.parametrize(
    ("style", "expected"),
    [("gradient: nabla", r"\nabla_{V} L"), ("gradient: partial", r"\frac{\partial L}{\partial V}")],
)
def test_gradients_on_the_page(style: str, expected: str) -> None:
    """A derivative without a name."""
    problem = loads(f"{NET}style: {{{style}}}\nquestions: [{{derive: dL/dV}}]")
    assert f"{expected} = H" in " ".join(problem.render("key").split())


# Other files


def folder(tmp_path: Path, **files: str) -> Path:
    """Files with the suffix .yaml."""
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_keys_are_inherited(tmp_path: Path) -> None:
    """Own keys win; symbols, style and course are joined entry by entry, over several files."""
    home = folder(
        tmp_path,
        far="title: Far\ncourse: {title: Networks, date: May}\nstyle: {bold: all}\n",
        near=NET.replace("title: Net\n", "extends: far.yaml\n") + "style: {transpose: T}\n",
        own="extends: near.yaml\nsymbols: {X: {shape: [N, D], role: input, latex: '\\mathbf{x}'}}\n"
        "course: {date: June}\nquestions: [{derive: dL/dV}]\n",
    )
    spec = load(home / "own.yaml").spec
    assert (spec.title, dict(spec.course)) == ("Far", {"title": "Networks", "date": "June"})
    assert spec.names.style == {"bold": "all", "transpose": "T"}
    assert spec.graph.tensors["X"].latex == r"\mathbf{x}"
    assert [tensor.name for tensor in spec.graph.parameters] == ["W", "V"]


@pytest.mark.parametrize(
    ("files", "code", "file", "place", "message"),
    [
        ({"own": "extends: own.yaml"}, "cycle", "own", (1, 10), "own.yaml -> own.yaml"),
        (
            {"own": "extends: a.yaml", "a": "title: x\nextends: own.yaml"},
            "cycle", "a", (2, 10), "own.yaml -> a.yaml -> own.yaml",
        ),
        ({"own": "\nextends: b.yaml"}, "io", "own", (2, 10), "there is no such file"),
        ({"own": "extends: a.yaml", "a": "title: [a"}, "yaml", "a", (1, 10), "expected"),
        ({"own": "extends: a.yaml", "a": "titel: a"}, "schema", "a", (1, 1), "unknown key titel in a.yaml"),
        ({"own": "extends: a.yaml", "a": "- x"}, "schema", "a", (1, 1), "not a list"),
        ({"own": "extends: a.yaml", "a": NET.replace("H V", "H Q")}, "unknown-symbol", "a", (12, 9), "Q"),
        (
            {"own": "extends: a.yaml", "a": NET.replace("role: target", "rol: target")},
            "schema", "a", (7, 24), "rol",
        ),
        ({"own": "extends: a.yaml", "a": NET + "index_from: 2"}, "schema", "a", (21, 13), "index_from"),
        (
            {"own": "extends: a.yaml\nquestions: [{derive: dL/dQ}]", "a": NET},
            "unknown-symbol", "own", (2, 25), "Q",
        ),
    ],
)  # fmt: skip
def test_errors_stand_in_the_file_they_are_in(
    tmp_path: Path, files: dict[str, str], code: str, file: str, place: tuple[int, int], message: str
) -> None:
    """The file, line and column of the slip, whichever file was loaded."""
    with pytest.raises(InputError, match=message) as caught:
        load(folder(tmp_path, **files) / "own.yaml")
    error = caught.value
    assert (error.code, Path(error.file or "").name) == (code, f"{file}.yaml")
    assert (error.line, error.column) == place


def test_too_many_files(tmp_path: Path) -> None:
    """A chain has a limit."""
    files = {f"f{n}": f"extends: f{n + 1}.yaml" for n in range(12)}
    with pytest.raises(InputError, match="more than 8 files"):
        load(folder(tmp_path, **files) / "f0.yaml")


def test_a_text_has_no_folder() -> None:
    """A problem that is no file cannot extend one."""
    with pytest.raises(InputError, match="no file to be relative to"):
        loads(NET + "extends: a.yaml")


# Templates


def with_template(tmp_path: Path, template: str) -> Problem:
    """The net with a template of its own for the words of a question."""
    (tmp_path / "own" / "key").mkdir(parents=True)
    (tmp_path / "own" / "key" / "question.tex.j2").write_text(template, encoding="utf-8")
    text = NET + "course: {templates: own}\nquestions: [{derive: dL/dV}]\n"
    return load(folder(tmp_path, hw=text) / "hw.yaml")


def test_a_template_of_the_course_is_used(tmp_path: Path) -> None:
    """In place of ours of the same name; the others stay."""
    tex = with_template(tmp_path, "OWN << question.label >>\n").render("key")
    assert "OWN 1" in tex
    assert "answerbox{%" not in tex
    assert "Answer key -- staff only" in tex


@pytest.mark.parametrize(
    "template",
    [
        "<< question.nothing >>", "<% if %>", "<< question.__class__.__mro__ >>", "<< 1.5 >>",
        "<% include '../../hw.yaml' %>", "<< 1 // 0 >>", "<% for i in range(10**9) %>x<% endfor %>",
    ],
)  # fmt: skip
def test_what_goes_wrong_in_a_template_is_an_input_error(tmp_path: Path, template: str) -> None:
    """The sandbox holds, and the message names the template's folder."""
    with pytest.raises(InputError, match="template") as caught:
        with_template(tmp_path, template).render("key")
    assert str(tmp_path) in (caught.value.file or "")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """Templates lie inside the folder of the problem."""
    outside = tmp_path / "outside"
    outside.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    (home / "own").symlink_to(outside)
    with pytest.raises(InputError, match="not inside the folder"):
        load(folder(home, hw=NET + "course: {templates: own}") / "hw.yaml")


# Pages


def test_what_was_read_is_said_once() -> None:
    """The equations, and what the file does not state."""
    net = NET.replace("convention: row\n", "").replace("assume: 'sum[k](Y[n,k]) = 1'\n", "")
    text = net + "questions: [{derive: dL/dV}, {derive: dL/dW}]"
    tex = loads(text).render("key")
    assert tex.count("As we read it") == 1
    assert tex.count("The file names no convention") == 1
    assert "The shapes of $U$, $H$, $Z$ and $P$ follow from the equations." in tex


WORDY = r"""
  - derive: dL/dV
    level: [index, vector]
    hint: 'Logs: $\log P$.'
    text: |
      Über *größere* Netze → siehe `np.exp(Z)`, α ≤ β:

      1. one
         - two with $x^2$
      2. three

      $$\frac{\partial L}{\partial V} = ?$$ **bold $$x$$**
  - {ask: 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftsverwaltung?'}
  - ask: 'LONG'
    answer: 'LONG'
"""


def test_words_of_every_kind_are_set(tmp_path: Path) -> None:
    """Lists, displays, long words and long texts compile, and no line runs over the margin."""
    long = "Explain it in your own words. " * 120
    head = NET.replace("Net", "A very long title about networks with many layers and with even more words", 1)
    text = head + "course: {author: Çağ *Łu*, date: May 2026}\nquestions:" + WORDY.replace("LONG", long)
    assert compile_pdf(loads(text).render("key"), tmp_path / "key.pdf").overfull == ()


LATEX_NET = r"""symbols:
  W: {shape: [m, n], role: parameter}
  x: {shape: [n], role: input}
  t: {shape: [m], role: target}
forward_latex: |
  z = W x \\
  L = \frac{1}{2} \sum_i (z_i - t_i)^2
"""


def test_a_forward_pass_in_latex(tmp_path: Path) -> None:
    """In place of ``forward``; a file's own forward pass replaces an inherited one of either kind."""
    own = "extends: net.yaml\nforward: |\n  z = W x\n  L = sum(z * t)\nquestions: [{derive: dL/dW}]\n"
    home = folder(tmp_path, net=LATEX_NET + "questions: [{derive: dL/dW}]\n", own=own)
    texts = [only(load(home / f"{name}.yaml"), "q1").result.text for name in ("net", "own")]
    assert texts == ["dL/dz x^T", "t x^T"]


ENTRY = """convention: column
symbols:
  W: {shape: [m, n], role: parameter}
  x: {shape: [n], role: input}
  b: {shape: [m], role: parameter}
forward: |
  y = W x + b
  J = J(y)
questions:
  - {derive: 'dJ/dW[i,j]'}
  - {derive: 'dJ/dx[i]', level: index}
"""


@pytest.mark.parametrize(
    ("name", "indices", "text"),
    [("q1", ("i", "j"), "dJ/dy[i] x[j]"), ("q2", ("i",), "sum[r](dJ/dy[r] W[r,i])")],
)
def test_one_entry_in_the_letters_of_the_question(name: str, indices: tuple[str, ...], text: str) -> None:
    """``dJ/dW[i,j]`` is answered over entries, in i and j; other indices keep away from them."""
    answer = only(loads(ENTRY), name)
    assert (answer.level, answer.derivation.indices, answer.derivation.text) == ("index", indices, text)
    assert answer.verdict.status == "holds"
    assert not any("`i = i`" in step.because for step in answer.derivation.steps)
