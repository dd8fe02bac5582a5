"""One sentence for each key of the problem file: what an editor shows beside it.

A key of the loader without its sentence here is an error of ``schema``, which its tests find.
"""

from __future__ import annotations

from types import MappingProxyType

TOP = MappingProxyType(
    {
        "title": "The title of the document.",
        "convention": "How a vector stands in a product: row is X W + b, column is W x + b, "
        "column-transposed is W^T x + b. Without it: column if all shapes fit, else row.",
        "layout": "The shape of a derivative. gradient: dL/dW has the shape of W, and a Jacobian a row for "
        "each entry of what is differentiated; numerator: dL/dW is transposed; denominator: Jacobians are.",
        "level": "How questions without a level of their own are answered: index (sums over entries), "
        "entries (small sizes written out), jacobian (a chain of Jacobians), vector (matrix form); "
        "a list prints several.",
        "symbols": "What the forward pass starts from, by name: arrays, sizes and functions.",
        "forward": "The equations, one a line: Z = X W + b. A space is the matrix product, * is elementwise.",
        "forward_latex": "The equations in LaTeX, in place of forward.",
        "notation": "Names and spellings of derived things, for printing and for reading students' work.",
        "questions": "What is asked, in order.",
        "values": "Numbers for symbols: [[1, 2], [3, 4]] or '1 2; 3 4'. Sizes are taken from them.",
        "assume": "Facts in formulas, such as 'sum(y) = 1'; printed where they are used.",
        "style": "How formulas look.",
        "policy": "What findings of `check` cost. A verdict never changes, only the points do.",
        "variants": "What --seed may change.",
        "course": "What the documents of a course share.",
        "extends": "A problem file whose keys this one inherits, such as course.yaml.",
        "index_from": "The first index and label of the whole file: 1 (as in mathematics) or 0.",
        "outside": "zero: an entry outside its range counts as 0.",
    }
)

SYMBOL = MappingProxyType(
    {
        "shape": "Sizes as names or numbers: [N, D] a matrix, [M] a vector; without a shape a scalar.",
        "role": "input, parameter (what gradients are taken by), target or constant; "
        "dim declares a size, function an elementwise function.",
        "latex": "How it is printed, in single quotes: in double quotes YAML reads \\b and \\n otherwise.",
        "aliases": "Other spellings, in LaTeX or plain text, understood in students' work.",
        "over": "A family: x[1], ..., x[T], each of this shape.",
        "bold": "Whether it is printed in bold.",
        "one_hot": "Each example has a single 1, at its class, else 0.",
        "classes": "Labels: whole numbers from 1 to this number; without a shape a single label.",
        "sums_to_one": "The entries of each example sum to 1.",
        "symmetric": "The matrix equals its transpose.",
        "posdef": "The matrix is symmetric and positive definite.",
        "positive": "Every entry is above 0.",
        "nonzero": "No entry is 0.",
        "one_of": "Every entry is one of these numbers, such as [-1, 1].",
        "between": "Every entry lies strictly between these two numbers, such as [0, 1].",
        "at_least": "The least value of a size.",
        "of": "The letter that stands for the argument in is.",
        "is": "What the function is: a function of the table, or a formula in the letter given by of. "
        "Without it the function is arbitrary.",
    }
)

KINDS = MappingProxyType(
    {
        "derive": "Derive this derivative of a scalar, such as dL/dW or dL/dW[i,j].",
        "jacobian": "Derive this Jacobian, such as dH/dU or dP[n,i]/dZ[n,j].",
        "show": "Show that this equation holds, such as 'dL/dZ = (P - Y)/N'.",
        "explicit": "Derive entry by entry for the small sizes given by dims.",
        "ask": "A question in words, answered by answer.",
        "evaluate": "Compute these by the numbers under values.",
        "gradient": "Compute the gradients by these parameters by the numbers under values.",
        "update": "A step of gradient descent: {step: 0.5, of: [W, b]}.",
        "hessian": "Derive this second derivative, such as d2L/dw2 or d2L/(dW[i,j] dW[k,l]).",
        "hvp": "Derive the product of this second derivative and the direction given by with.",
        "compare": "Derive this in several conventions or layouts, given by conventions and layouts.",
        "shapes": "State the shapes of these, such as [dL/dW, dH/dU].",
    }
)

QUESTION = MappingProxyType(
    {
        "id": "A short name for files and reports; q1, q2, ... if left out.",
        "text": "Your wording, Markdown with mathematics between dollars.",
        "hint": "A hint for students.",
        "parts": "Questions that belong to this one: (a), (b), ...",
        "points": "What the answer is worth.",
        "space": "How much room the blank sheet leaves for the answer, in cm.",
        "in_terms_of": "The letters the answer may use.",
        "via": "The road through a softmax loss: log (of its logarithm, the usual one) or jacobian.",
        "level": "How this question is answered; a list prints several.",
        "cases": "Conditions to treat one by one, such as [i = j, i != j].",
        "definition": "Whether the answer begins with the definition of the Jacobian.",
        "dims": "Sizes for this question, such as {N: 1, D: 2}.",
        "answer": "The answer, in your words.",
        "digits": "Digits behind the point; rounded from the exact value, halves to the even digit.",
        "exact": "Whether numbers that are known exactly are printed as fractions.",
        "then": "What to compute after the step.",
        "with": "The direction of the product, of the shape of w in d2L/dw2; it need not be declared.",
        "conventions": "The conventions to compare.",
        "layouts": "The layouts to compare.",
    }
)

NOTATION = MappingProxyType(
    {
        "name": "The name, such as delta_2.",
        "spelling": "A spelling that students use, in LaTeX or plain text, such as 'W_i'.",
        "is": "What it means: a derivative dL/dZ, a slice 'W[:,i]', an expression, a function.",
        "latex": "How it is printed, in single quotes.",
        "aliases": "Other spellings.",
    }
)

STYLE = MappingProxyType(
    {
        "bold": "What is printed in bold.",
        "layers": "Where the number of a layer stands: W_1, W^1, W^(1), W^[1].",
        "index": "How entries are printed: W_ij or W[i,j].",
        "transpose": "The sign of the transpose: an upright T or \\top.",
        "gradient": "How gradients are printed: as partial derivatives or with a nabla.",
        "vec": "In which order vec(A) reads the entries.",
    }
)

COURSE = MappingProxyType(
    {
        "title": "The name of the course, at the head of each document.",
        "author": "Who wrote it.",
        "date": "The date to print.",
        "style": "How formulas look in the whole course.",
        "templates": "A folder with templates of the course's own.",
    }
)

POLICY = MappingProxyType(
    {
        "layout": "Which layouts count as right: that of the file (strict), any one (consistent), or any.",
        "form": "Which forms of an answer count as right.",
        "deduct": "Points by cause, such as {missing-batch-sum: 1, sign: 0.5}; once per cause and question.",
    }
)

VARIANTS = MappingProxyType(
    {
        "dims": "Sizes to choose from, such as {D: [2, 3]}.",
        "values": "random: numbers are drawn.",
        "activations": "Functions to choose from, such as {relu: [relu, tanh]}.",
        "rename": "Whether letters may change.",
    }
)
