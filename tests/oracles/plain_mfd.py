"""Eq. 2 and section 3.3 written once more, plainly: one window at a time, loops, float64, no torch.

It reads a model's arrays and configuration and shares no code with the package.
"""

from __future__ import annotations

import math

import numpy as np

TOKENS = {a + b: 4 * i + j for i, a in enumerate("ACGT") for j, b in enumerate("ACGT")}
COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A", "N": "N"}


def gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def exact_gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def convolve(x: np.ndarray, kernel: np.ndarray, dilation: int = 1) -> np.ndarray:
    """x (in, L), kernel (out, in, k), zeros beyond the ends -> (out, L)."""
    _, length = x.shape
    out = np.zeros((kernel.shape[0], length))
    reach = kernel.shape[2] // 2
    for tap in range(kernel.shape[2]):
        offset = (tap - reach) * dilation
        for position in range(length):
            if 0 <= position + offset < length:
                out[:, position] += kernel[:, :, tap] @ x[:, position + offset]
    return out


class PlainMFD:
    """The published network from its arrays; `state` maps parameter names to arrays."""

    def __init__(self, state: dict[str, np.ndarray], tracks: dict, encodings: list[dict]):
        self.state = {name: np.asarray(value, dtype=np.float64) for name, value in state.items()}
        self.tracks, self.encodings = tracks, encodings

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        s = self.state
        y = (x.T - s[f"{name}.running_mean"]) / np.sqrt(s[f"{name}.running_var"] + 1e-5)
        if f"{name}.weight" in s:
            y = y * s[f"{name}.weight"] + s[f"{name}.bias"]
        return y.T

    def layer(self, x: np.ndarray, name: str, dilation: int = 1) -> np.ndarray:
        return convolve(gelu(self.norm(x, f"{name}.0")), self.state[f"{name}.2.weight"], dilation)

    @staticmethod
    def pool(x: np.ndarray) -> np.ndarray:
        return np.array([[max(row[i], row[i + 1]) for i in range(0, len(row), 2)] for row in x])

    def features(self, bases: str) -> np.ndarray:
        """The C latent features of 1153 bases."""
        x = np.zeros((16, 1152))
        for i in range(1152):
            if (token := TOKENS.get(bases[i : i + 2])) is not None:
                x[token, i] = 1
        h = convolve(x, self.state["trunk.stem.weight"]) + self.state["trunk.stem.bias"][:, None]
        h = self.pool(h + self.layer(h, "trunk.stem_residual.layers.0"))
        for level in range(6):
            h = self.layer(h, f"trunk.tower.{level}.0")
            h = self.pool(h + self.layer(h, f"trunk.tower.{level}.1.layers.0"))
        for block, dilation in enumerate((2, 3)):
            name = f"trunk.blocks.{block}.layers"
            h = h + self.layer(self.layer(h, f"{name}.0", dilation), f"{name}.1")
        h = self.layer(h[:, 4:5], "trunk.pointwise")
        return self.norm(h, "latent_norm")[:, 0]

    def weights(self, group: str) -> np.ndarray:
        """psi of one half, (O, C / 2)."""
        rows = []
        for track in range(len(next(iter(self.tracks.values())))):
            direct, mixed, slot = [], [], 0
            for e in (e for e in self.encodings if e["group"] == group):
                value = self.tracks[e["column"]][track]
                one_hot = np.array([float(value == v) for v in e["vocabulary"]])
                direct += [one_hot[i] for i in e["direct"]]
                if "interact" in e["roles"]:
                    if e["width"]:
                        one_hot = exact_gelu(self.linear(one_hot, f"{group}.embeddings.{slot}.0"))
                    slot += 1
                    mixed += list(one_hot)
            h = np.array(mixed)
            h = exact_gelu(self.linear(h, f"{group}.mixer.0"))
            h = exact_gelu(self.linear(h, f"{group}.mixer.2"))
            rows.append([*direct, *self.linear(h, f"{group}.mixer.4")])
        return np.array(rows)

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return self.state[f"{name}.weight"] @ x + self.state[f"{name}.bias"]

    def effects(self, genome: str, start: int, ref: str, alt: str, shifts, strands) -> np.ndarray:
        """(3, O): combined, biological, technical effects on the probability, ALT minus REF.

        `genome` is one contig, `start` the 0-based place of the trimmed allele.
        """
        mutated = genome[:start] + alt + genome[start + len(ref) :]
        psi = {group: self.weights(group) for group in ("biological", "technical")}
        half = next(iter(psi.values())).shape[1]
        totals = np.zeros((3, len(self.state["bias"])))
        for shift in shifts:
            for strand in strands:
                feature = {}
                for allele, sequence in (("ref", genome), ("alt", mutated)):
                    left = start + shift - 576
                    bases = sequence[left : left + 1153]
                    if strand == "-":
                        bases = "".join(COMPLEMENT[base] for base in reversed(bases))
                    feature[allele] = self.features(bases)

                def phi(biological: str, technical: str, feature=feature) -> np.ndarray:
                    logit = psi["biological"] @ feature[biological][:half]
                    logit = logit + psi["technical"] @ feature[technical][half:]
                    return 1 / (1 + np.exp(-(logit + self.state["bias"])))

                reference = phi("ref", "ref")
                totals[0] += phi("alt", "alt") - reference
                totals[1] += phi("alt", "ref") - reference
                totals[2] += phi("ref", "alt") - reference
        return totals / (len(shifts) * len(strands))
