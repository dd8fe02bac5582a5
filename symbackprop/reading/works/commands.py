r"""What is known of LaTeX commands before anything has a meaning: their class and their arguments.

A command that stands in no table here is unknown: followed by ``{`` it is not read, alone it is a symbol.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from symbackprop.notation.latex_safe import known_commands

RELATIONS = frozenset(
    r"= < > := += -= =: \le \leq \ge \geq \ne \neq \lt \gt \leqslant \geqslant \leqq \geqq \ll \gg \approx "
    r"\approxeq \equiv \cong \sim \simeq \propto \in \notin \ni \subset \subseteq \supset \supseteq \to "
    r"\rightarrow \leftarrow \gets \leftrightarrow \Rightarrow \Leftarrow \Leftrightarrow \implies "
    r"\impliedby \iff \mapsto \longmapsto \longrightarrow \longleftarrow \Longrightarrow \Longleftarrow "
    r"\Longleftrightarrow \longleftrightarrow \hookrightarrow \triangleq \coloneqq \coloneq \eqqcolon "
    r"\defeq \doteq \perp \models \vdash \prec \succ \preceq \succeq \leadsto \xrightarrow \xleftarrow "
    r"\rightsquigarrow \asymp \lesssim \gtrsim \not".split()
)
SIGNS = frozenset(r"+ - \pm \mp \oplus \ominus \land \lor \vee \cup \cap \setminus \sqcup \uplus".split())
OPERATORS = frozenset(
    r"* / \cdot \times \odot \circ \otimes \oslash \div \ast \star \bullet \cdotp \centerdot \circledast "
    r"\boxtimes \wedge @ "
    r"\dotproduct \circledcirc \diamond \bigcirc \ltimes \rtimes \boxdot \backslash".split()
)
OPENERS: Mapping[str, str] = MappingProxyType(
    {
        "(": ")", "[": "]", r"\{": r"\}", r"\lbrace": r"\rbrace", r"\langle": r"\rangle",
        r"\lfloor": r"\rfloor", r"\lceil": r"\rceil", r"\lbrack": r"\rbrack", r"\lvert": r"\rvert",
        r"\lVert": r"\rVert", r"\llbracket": r"\rrbracket", r"\lparen": r"\rparen", r"\lgroup": r"\rgroup",
        r"\llangle": r"\rrangle",
    }
)  # fmt: skip
CLOSERS = frozenset(OPENERS.values())
BARS = frozenset(("|", "||", r"\|", r"\vert", r"\Vert"))
SEPARATORS = frozenset(
    (",", ";", ":", ".", r"\mid", r"\colon", r"\quad", r"\qquad", "?", r"\enspace", r"\hfill")
)
GAPS = frozenset((r"\quad", r"\qquad", r"\enspace", r"\hfill", r"\hspace"))
SPACING = frozenset(
    r"\, \! \: \> \; \/ \thinspace \medspace \thickspace \negthinspace \enskip \displaystyle \textstyle "
    r"\scriptstyle \scriptscriptstyle \limits \nolimits \nonumber \notag \mathstrut \strut \allowbreak "
    r"\noindent \centering \null \break \newline@ \smallskip \medskip \bigskip \hfil \vfill \relax \protect "
    r"\displaylimits \nobreak \linebreak \mathord \mathbin \mathrel \mathopen \mathclose \mathpunct "
    r"\mathinner \normalsize \small \footnotesize \scriptsize \tiny \large \Large \LARGE \huge \Huge "
    r"\ensuremath \space \hline \toprule \midrule \bottomrule \mathsurround \qedhere \onslide \pause \par "
    r"\leavevmode \unboldmath "
    r"\boldmath \indent \kern@ \phantom@ \begingroup \endgroup \bgroup \egroup \xspace "
    r"\nopagebreak \samepage \ignorespaces \unskip \nobreakspace \negmedspace \negthickspace "
    r"\IEEEnonumber \IEEEyesnumber".split()
)
# Old font switches: they change letters behind them and print nothing.
# The command that does the same to its argument; "" where there is none.
SWITCHES: Mapping[str, str] = MappingProxyType({
    r"\bf": r"\mathbf", r"\rm": r"\mathrm", r"\it": r"\mathit", r"\sf": r"\mathsf", r"\tt": r"\mathtt",
    r"\cal": r"\mathcal", r"\bfseries": r"\mathbf", r"\itshape": r"\mathit", r"\rmfamily": r"\mathrm",
    r"\mit": r"\mathnormal", r"\Bbb": r"\mathbb", r"\frak": r"\mathfrak", r"\scr": r"\mathscr",
    r"\sl": "", r"\em": "", r"\sc": "", r"\upshape": "", r"\mdseries": "", r"\sffamily": r"\mathsf",
    r"\ttfamily": r"\mathtt",
})  # fmt: skip
# Commands that print no mathematics, with the number of their arguments; 0: a length stands behind them.
SILENT: Mapping[str, int] = MappingProxyType({
    r"\hskip": 0, r"\vskip": 0, r"\kern": 0, r"\mkern": 0, r"\mskip": 0, r"\moveleft": 0, r"\moveright": 0,
    r"\raise": 0, r"\lower": 0,
    r"\setcounter": 2, r"\addtocounter": 2, r"\setlength": 2, r"\addtolength": 2, r"\numberwithin": 2,
    r"\rule": 2, r"\index": 1, r"\require": 1, r"\mspace": 1, r"\MoveEqLeft": 0, r"\displaybreak": 0,
    r"\pagebreak": 0, r"\usepackage": 1, r"\hspace": 1, r"\vspace": 1, r"\phantomsection": 0, r"\cline": 1,
    r"\addlinespace": 0, r"\noalign": 1, r"\allowdisplaybreaks": 0, r"\thispagestyle": 1, r"\todo": 1,
})  # fmt: skip
SIZES = frozenset(
    r"\left \right \middle \big \Big \bigg \Bigg \bigl \bigr \Bigl \Bigr \biggl \biggr \Biggl \Biggr \bigm "
    r"\Bigm \biggm \Biggm".split()
)
FONTS = frozenset(
    r"\mathbf \boldsymbol \bm \mathcal \mathbb \mathrm \mathsf \mathit \mathtt \mathfrak \mathscr \mathds "
    r"\mathbbm \mathnormal \pmb \boldmath \mathbfcal \mathbfit \symbf \symbb \symcal \symup \symbfit "
    r"\mathbbmss \matr \vect \mat \mtx \bold \operatorname \mathup \vb \vectorbold \vb* \bb \textup".split()
)
ACCENTS = frozenset(
    r"\hat \bar \tilde \vec \dot \ddot \dddot \check \breve \acute \grave \widehat \widetilde \overline "
    r"\underline \overrightarrow \overleftarrow \mathring \widecheck \underbar \overleftrightarrow "
    r"\va \underaccent \utilde".split()
)
# Commands whose argument is words, not mathematics.
TEXTS = frozenset(
    r"\text \textrm \textnormal \textsf \texttt \textit \textbf \textsc \textsl \textmd \textup \mbox \hbox "
    r"\emph \intertext \shortintertext \operatorname \operatorname* \operatornamewithlimits \mathop@ "
    r"\tag \tag* \label \ref \eqref \cite \color \pagecolor \hspace \hspace* \vspace \vspace* \vphantom "
    r"\hphantom \phantom \footnote \url \textsuperscript \textsubscript \mathtext \hskip@".split()
)
REMARKS = frozenset(
    r"\tag \tag* \label \ref \eqref \cite \color \hspace \hspace* \vspace \vspace* \vphantom \hphantom "
    r"\phantom \intertext \shortintertext \footnote \url \rule".split()
)
# Upright letters: words if nothing but letters stands inside, else mathematics.
UPRIGHT = frozenset(r"\mathrm \mathsf \mathtt \mathit \mathop \mathbf \mathnormal".split())
ARGUMENTS: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys((*FONTS, *ACCENTS), 1),
        **dict.fromkeys(
            r"\sqrt \pa \br \underbrace \overbrace \underbracket \overbracket \boxed \fbox \framebox \cancel "
            r"\bcancel \xcancel \substack \mathop \smash \mathclap \mathllap \mathrlap \clap \abs \norm \set "
            r"\ceil \floor \order \dd \ket \bra \pqty \bqty \vqty \Bqty \expval \ev \trans \transpose \cbrt "
            r"\tran \uwave \sout \mathstrut@ \text@ \xrightarrow \xleftarrow \overparen \underparen \parens "
            r"\brackets \braces \paren \bracket \oper \abs* \norm* \set* \ceil* \floor* \mleft@".split(),
            1,
        ),
        **dict.fromkeys(
            r"\frac \dfrac \tfrac \cfrac \sfrac \nicefrac \flatfrac \binom \dbinom \tbinom \overset "
            r"\underset \stackrel \cancelto \pdv \pd \pderiv \pardiff \partialderiv \dv \deriv \derivative "
            r"\partialderivative \fdv \braket \ip \inner \innerproduct \dotp \prescript@ \sideset@".split(),
            2,
        ),
        r"\textcolor": 2, r"\href": 2, r"\class": 2, r"\cssId": 2, r"\style": 2, r"\htmlClass": 2,
        r"\bbox": 1, r"\colorbox": 2, r"\fcolorbox": 3, r"\raisebox": 2, r"\genfrac@": 6,
        r"\limits@": 0,
    }
)  # fmt: skip
OPTIONAL = frozenset(
    (r"\sqrt", r"\xrightarrow", r"\xleftarrow", r"\pdv", r"\dv", r"\cfrac", r"\smash", r"\abs", r"\norm")
)
COLOURED = frozenset(
    (r"\textcolor", r"\colorbox", r"\fcolorbox", r"\raisebox", r"\href", r"\class", r"\cssId", r"\style",
     r"\htmlClass")
)  # fmt: skip  # the first argument is a word
FRAMES = frozenset(
    (r"\boxed", r"\fbox", r"\framebox", r"\colorbox", r"\fcolorbox", r"\textcolor", r"\smash", r"\mathclap")
)  # round a whole statement they say nothing
FRACTIONS = frozenset((r"\frac", r"\dfrac", r"\tfrac", r"\cfrac", r"\sfrac", r"\nicefrac", r"\flatfrac"))
LETTERS = frozenset(
    r"\R \N \Z \Q \C \E \P \i \j \l \o \L \O \aa \ae \S \dag \ddag \square \blacksquare \Box \qed \checkmark "
    r"\therefore \because \prime \dagger \ddagger \intercal \trace \Tr \tr \diag \rank \sgn \sign \softmax "
    r"\sigmoid \relu \ReLU \argmin \argmax \Var \Cov \vdots \ddots \iddots \dotsc \dotsb \dotsm \dotso "
    r"\coth \sech \csch \sec \csc \cot \arcsin \arccos \arctan \injlim \gcd \hom \deg \ln \lg \lbrace "
    r"\rbrace \iint \iiint \oint \coprod \bigcup \bigcap \bigoplus \bigotimes \bigodot \bigvee \bigwedge "
    r"\nexists \varnothing \complement \eth \hslash \mho \digamma \varkappa \beth \gimel \daleth "
    r"\Finv \Game \wp \angle \triangle \bigtriangleup \bigtriangledown \triangledown \nabla \surd \natural "
    r"\flat \sharp \clubsuit \diamondsuit \heartsuit \spadesuit \lnot \neg \uparrow \downarrow \Uparrow "
    r"\Downarrow \updownarrow \nearrow \searrow \top \bot \% \# \& \_ \$ \- \^ \grad \div@ \curl \laplacian "
    r"\varGamma \varDelta \varTheta \varLambda \varXi \varPi \varSigma \varUpsilon \varPhi \varPsi \varOmega "
    r"\copyright \pounds \dagger \ast \lim \limsup \liminf \mod \bmod \pmod \exp \ldots".split()
)
MATRICES = frozenset(
    "matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix psmallmatrix bsmallmatrix array pmatrix* "
    "bmatrix* matrix* vmatrix* Vmatrix* Bmatrix* blockarray block".split()
)
CASES = frozenset(("cases", "dcases", "rcases", "cases*", "dcases*", "numcases", "subnumcases"))
DISPLAYS = frozenset(
    "align align* aligned alignat alignat* alignedat equation equation* eqnarray eqnarray* gather gather* "
    "gathered multline multline* multlined split flalign flalign* displaymath math dmath dmath* "
    "dgroup dgroup* IEEEeqnarray IEEEeqnarray* subequations darray dseries".split()
)
WITH_COLUMNS = frozenset(
    "array alignat alignat* alignedat IEEEeqnarray IEEEeqnarray* tabular blockarray block".split()
)


def is_known(command: str) -> bool:
    """Whether a command stands in some table."""
    return command in _KNOWN


_KNOWN = (
    frozenset(f"\\{name}" for name in known_commands())
    | RELATIONS | SIGNS | OPERATORS | frozenset(OPENERS) | CLOSERS | BARS | SEPARATORS | SPACING
    | frozenset(SWITCHES) | frozenset(SILENT)
    | SIZES | TEXTS | frozenset(ARGUMENTS) | LETTERS
)  # fmt: skip
