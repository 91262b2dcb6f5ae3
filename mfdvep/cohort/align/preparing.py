"""From tables of people to what encoders take, by what training people have. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfdvep.cohort.align.people import Inputs, People
from mfdvep.cohort.align.scaling import Scaling, design_of
from mfdvep.cohort.align.settings import ADD, NONE, RESIDUALISE
from mfdvep.cohort.align.tables import PersonTable
from mfdvep.errors import InputError


@dataclass(frozen=True)
class Arrays:
    """What encoders take of n people.

    Attributes
    ----------
    images
        float32 (n, d) or (n, c, h, w).
    genetics
        M of float32 (n, d_m); 0 where a person lacks the modality.
    present
        bool (n, M): who has which.
    """

    images: np.ndarray
    genetics: tuple[np.ndarray, ...]
    present: np.ndarray


@dataclass(frozen=True)
class Preparation:
    """What was learnt of training people, and which columns it is of.

    Attributes
    ----------
    adjust
        See `AlignSettings`.
    names
        Of the images, each genetic table, and the covariates if they are used.
    columns
        Of each of them, in the same order.
    image_shape
        Of one image: (d,) or (c, h, w).
    images, genetics, covariates
        Scalings; None of covariates that are not used.
    """

    adjust: str
    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    image_shape: tuple[int, ...]
    images: Scaling
    genetics: tuple[Scaling, ...]
    covariates: Scaling | None

    @classmethod
    def fit(cls, inputs: Inputs, people: People, rows: np.ndarray, *, adjust: str) -> Preparation:
        """Return what these rows of the people give.

        Parameters
        ----------
        rows
            int64 (m,): training people.

        Raises
        ------
        InputError
            Covariates are to be used, and there are none, or more than training people; fewer
            than 2 training people have a modality; nothing of images or a modality varies among
            them.
        """
        covariates, design = None, None
        used = inputs.covariates if adjust != NONE else None
        if adjust != NONE:
            if used is None or people.covariate_rows is None:
                raise InputError(f"adjust {adjust!r} needs covariates; give them, or adjust none")
            if len(rows) <= len(used.columns) + 1:
                raise InputError(
                    f"{len(rows)} training people for {len(used.columns)} covariates; give fewer"
                )
            values = used.values[people.covariate_rows[rows]]
            covariates = Scaling.fit(values)
            design = design_of(covariates.apply(values)) if adjust == RESIDUALISE else None
        images = Scaling.fit(inputs.images.values[people.image_rows[rows]], design)
        if images.flat.all():
            raise InputError(
                f"{inputs.images.path}: nothing varies among the {len(rows)} training people, "
                "beyond the covariates; give others"
            )
        scalings = []
        for table, own in zip(inputs.genetics, people.genetic_rows, strict=True):
            has = own[rows] >= 0
            if has.sum() < 2:
                raise InputError(
                    f"{table.path}: {has.sum()} training people have it; expected at least 2"
                )
            taken = None if design is None else design[has]
            scalings.append(Scaling.fit(table.values[own[rows][has]], taken))
            if scalings[-1].flat.all():
                raise InputError(
                    f"{table.path}: none of its {len(table.columns)} columns varies among the "
                    f"{has.sum()} training people who have it, beyond the covariates; give others"
                )
        tables = [inputs.images, *inputs.genetics, *([] if used is None else [used])]
        return cls(
            adjust=adjust,
            names=tuple(table.name for table in tables),
            columns=tuple(table.columns for table in tables),
            image_shape=inputs.images.values.shape[1:],
            images=images,
            genetics=tuple(scalings),
            covariates=covariates,
        )

    @property
    def genetic_columns(self) -> tuple[tuple[str, ...], ...]:
        """Names of the inputs of each genetic encoder."""
        more = self.columns[-1] if self.adjust == ADD else ()
        return tuple(own + more for own in self.columns[1 : 1 + len(self.genetics)])

    def fitting(self, inputs: Inputs) -> Inputs:
        """Return other inputs with the columns that these scalings are of, by name.

        Raises
        ------
        InputError
            Another number of genetic tables, another name of one, columns that are missing, images
            of another shape, no covariates.
        """
        n = len(self.genetics)
        expected = list(self.names[1 : 1 + n])
        by_name = {table.name: table for table in inputs.genetics}
        if set(by_name) != set(expected):
            raise InputError(
                f"genetics named {', '.join(sorted(by_name))}; the model was trained with "
                f"{', '.join(expected)}: name them so, NAME=FILE"
            )
        images = inputs.images
        if images.values.shape[1:] != self.image_shape:
            raise InputError(
                f"{images.path}: images of {images.values.shape[1:]}; the model was trained with "
                f"{self.image_shape}"
            )
        covariates = inputs.covariates
        if self.covariates is not None:
            if covariates is None:
                raise InputError("the model was trained with covariates; give them")
            covariates = covariates.select(self.columns[-1])
        return Inputs(
            images=images.select(self.columns[0]) if images.values.ndim == 2 else images,
            genetics=tuple(
                by_name[name].select(own)
                for name, own in zip(expected, self.columns[1 : 1 + n], strict=True)
            ),
            covariates=covariates,
        )

    def apply(self, inputs: Inputs, people: People) -> Arrays:
        """Return what encoders take of the people, of inputs with the columns of these."""
        further = design = None
        if self.covariates is not None:
            assert inputs.covariates is not None
            assert people.covariate_rows is not None
            further = self.covariates.apply(inputs.covariates.values[people.covariate_rows])
            design = design_of(further)
        genetics = []
        for table, own, scaling in zip(
            inputs.genetics, people.genetic_rows, self.genetics, strict=True
        ):
            has = own >= 0
            values = scaling.apply(table.values[own[has]], None if design is None else design[has])
            if self.adjust == ADD and further is not None:
                values = np.concatenate([values, further[has]], axis=1)
            full = np.zeros((len(own), values.shape[1]), dtype=np.float32)
            full[has] = values
            genetics.append(full)
        images = self.images.apply(inputs.images.values[people.image_rows], design)
        return Arrays(images, tuple(genetics), people.present)


def constant_columns(preparation: Preparation, tables: tuple[PersonTable, ...]) -> dict[str, int]:
    """Return how many columns of each table are one value over the training people."""
    scalings = (preparation.images, *preparation.genetics)
    return {t.name: int(s.flat.sum()) for t, s in zip(tables, scalings, strict=False)}
