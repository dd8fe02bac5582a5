"""Signs and letters beyond ASCII in running text, and the LaTeX that sets them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "\u00a0": "~", "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''",
        "„": r"\quotedblbase{}", "…": r"\ldots{}", "•": r"\textbullet{}", "°": r"\textdegree{}",
        "€": r"\texteuro{}", "§": r"\S{}", "«": r"\guillemotleft{}", "»": r"\guillemotright{}",
        "¿": r"\textquestiondown{}", "¡": r"\textexclamdown{}", "£": r"\pounds{}", "©": r"\textcopyright{}",
        "№": r"\textnumero{}", "\u2009": r"\,", "\u202f": r"\,", "‐": "-", "‑": r"\mbox{-}", "″": "$''$",
        "½": "$1/2$", "⅓": "$1/3$", "¼": "$1/4$", "¾": "$3/4$", "⅔": "$2/3$", "²": "${}^{2}$",
        "³": "${}^{3}$", "¹": "${}^{1}$", "ⁿ": "${}^{n}$", "⁻": "${}^{-}$", "ᵀ": r"${}^{\top}$",
        "·": r"$\cdot$", "×": r"$\times$", "−": "$-$", "±": r"$\pm$", "÷": r"$\div$", "≤": r"$\leq$",
        "≥": r"$\geq$", "≠": r"$\neq$", "≈": r"$\approx$", "→": r"$\to$", "←": r"$\leftarrow$",
        "⇒": r"$\Rightarrow$", "∂": r"$\partial$", "∇": r"$\nabla$", "∈": r"$\in$", "∞": r"$\infty$",
        "√": r"$\surd$", "∑": r"$\sum$", "∏": r"$\prod$", "∫": r"$\int$", "∝": r"$\propto$",
        "≡": r"$\equiv$", "∥": r"$\|$", "‖": r"$\|$", "∀": r"$\forall$", "∃": r"$\exists$",
        "∅": r"$\emptyset$", "⊤": r"$\top$", "⇔": r"$\Leftrightarrow$", "↦": r"$\mapsto$",
        "↔": r"$\leftrightarrow$", "⟨": r"$\langle$", "⟩": r"$\rangle$", "⊗": r"$\otimes$",
        "⊕": r"$\oplus$", "∘": r"$\circ$", "∉": r"$\notin$", "⊂": r"$\subset$", "∪": r"$\cup$",
        "∩": r"$\cap$", "≪": r"$\ll$", "≫": r"$\gg$", "′": "$'$", "✓": r"$\surd$", "⊙": r"$\odot$",
        "ℓ": r"$\ell$", "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "δ": r"$\delta$",
        "ε": r"$\varepsilon$", "ζ": r"$\zeta$", "η": r"$\eta$", "θ": r"$\theta$", "κ": r"$\kappa$",
        "λ": r"$\lambda$", "μ": r"$\mu$", "ν": r"$\nu$", "ξ": r"$\xi$", "π": r"$\pi$", "ρ": r"$\rho$",
        "σ": r"$\sigma$", "τ": r"$\tau$", "φ": r"$\varphi$", "ϕ": r"$\phi$", "ϵ": r"$\epsilon$",
        "ι": r"$\iota$", "υ": r"$\upsilon$", "χ": r"$\chi$", "ψ": r"$\psi$", "ω": r"$\omega$",
        "Γ": r"$\Gamma$", "Δ": r"$\Delta$", "Θ": r"$\Theta$", "Λ": r"$\Lambda$", "Π": r"$\Pi$",
        "Σ": r"$\Sigma$", "Φ": r"$\Phi$", "Ψ": r"$\Psi$", "Ω": r"$\Omega$",
    }
)  # fmt: skip
